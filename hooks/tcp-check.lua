--[[ hook
summary: wait until somebody listens at a TCP port or a Unix socket
events: [ApplicationStart, ValidateService, BeforeAllowTraffic, AfterAllowTraffic]
with:
  port: {type: text, help: a number or a name}
  host: {type: text, help: "whose port it is (127.0.0.1)"}
  path: {type: text, help: "of a Unix socket, in place of host and port"}
  for: {type: duration, default: 30s, help: how long to go on trying}
  interval: {type: duration, default: 1s, help: between two attempts}
]]
local with = slipway.with

if (with.port == nil) == (with.path == nil) or with.path and with.host then
	slipway.fail("tcp-check takes either 'port' (and 'host') or 'path'", "give it one of the two below 'with'")
end

local address = with.path or ("%s:%s"):format(with.host or "127.0.0.1", with.port)

if slipway.env.SLIPWAY_TRY then
	slipway.log(("a try: %s is not waited for"):format(address))
	return
end

slipway.socket.wait{
	host = with.port and (with.host or "127.0.0.1"),
	port = with.port,
	path = with.path,
	timeout = with["for"],
	interval = with.interval,
}
slipway.log(("%s: somebody listens"):format(address))
