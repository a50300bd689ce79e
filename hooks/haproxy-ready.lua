--[[ hook
summary: let HAProxy give requests to this host's servers again, and wait until it holds them for up
events: [ApplicationStart, ValidateService, BeforeAllowTraffic, AfterAllowTraffic]
with:
  servers: {type: list, required: true, help: "BACKEND/SERVER"}
  sockets: {type: list, default: /run/haproxy/admin.sock, help: "the runtime APIs of all that balance: paths, HOST:PORT"}
  timeout: {type: duration, default: 60s, help: how long to wait until all are up}
]]
local with = slipway.with
local open = require "slipway.internal.haproxy"

if slipway.env.SLIPWAY_TRY then
	slipway.log("a try: no server is made ready")
	return
end

local finish = slipway.clock() + with.timeout
for _, socket in ipairs(with.sockets) do
	local haproxy = open(socket)
	for _, server in ipairs(with.servers) do
		haproxy:ready(server, { timeout = math.max(finish - slipway.clock(), 0.1) })
		slipway.log(("%s: %s is up"):format(socket, server))
	end
end
