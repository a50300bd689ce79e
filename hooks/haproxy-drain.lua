--[[ hook
summary: take this host's servers out of HAProxy and wait until they have no sessions
events: [BeforeBlockTraffic, AfterBlockTraffic, ApplicationStop, BeforeInstall]
with:
  servers: {type: list, required: true, help: "BACKEND/SERVER"}
  sockets: {type: list, default: /run/haproxy/admin.sock, help: "the runtime APIs of all that balance: paths, HOST:PORT"}
  timeout: {type: duration, default: 60s, help: how long to wait for the last sessions of all}
  force: {type: boolean, default: false, help: go on when there are sessions left then}
  others: {type: integer, default: 1, help: "how many other servers of a backend must be up, else nothing is done"}
]]
local with = slipway.with
local open = require "slipway.internal.haproxy"

if slipway.env.SLIPWAY_TRY then
	slipway.log("a try: nothing is drained")
	return
end

local balancers = {}
for _, socket in ipairs(with.sockets) do
	balancers[#balancers + 1] = { name = socket, haproxy = open(socket) }
end

local mine = {}
for _, server in ipairs(with.servers) do
	mine[server] = true
end

local function takes_requests(state)
	return state.op == "up" and state.admin == "ready" and state.weight > 0
end

-- Servers of the backend of SERVER that take requests when ours do not.
local function others_of(haproxy, server)
	local backend = server:match("^(.-)/")
	local count = 0
	for _, other in ipairs(haproxy:servers(backend)) do
		count = count + (takes_requests(other) and not mine[backend .. "/" .. other.name] and 1 or 0)
	end
	return count
end

local function enough_others(balancer, server)
	local others = others_of(balancer.haproxy, server)
	if others < with.others then
		slipway.fail(("%s: without %s, %d other servers of its backend would be up, and %d must be"):format(balancer.name,
			server, others, with.others), "bring another one up, or set 'others: 0' when requests may fail meanwhile")
	end
end

-- All are looked at before the first is changed. What is ready now is made ready again when this hook fails.
local ready = {}
for _, balancer in ipairs(balancers) do
	for _, server in ipairs(with.servers) do
		local state = balancer.haproxy:state(server)
		local serves = takes_requests(state)
		if serves then
			enough_others(balancer, server)
		end
		if state.admin == "ready" then
			ready[#ready + 1] = { balancer = balancer, server = server, serves = serves }
		end
	end
end

local function wait_until_drained(finish)
	for _, balancer in ipairs(balancers) do
		for _, server in ipairs(with.servers) do
			local ok, err = pcall(balancer.haproxy.drain, balancer.haproxy, server,
				{ timeout = math.max(finish - slipway.clock(), 0.1) })
			if ok then
				slipway.log(("%s: %s is drained"):format(balancer.name, server))
			elseif with.force and type(err) == "table" and err.kind == "timeout" then
				slipway.log(("%s: %s: going on: %s"):format(balancer.name, server, err.message))
			else
				error(err, 0)
			end
		end
	end
end

local ok, err = pcall(function()
	local finish = slipway.clock() + with.timeout
	for _, balancer in ipairs(balancers) do
		for _, server in ipairs(with.servers) do
			balancer.haproxy:drain(server, { wait = false })
		end
	end
	for _, each in ipairs(ready) do -- another host may have gone at the same moment
		if each.serves then
			enough_others(each.balancer, each.server)
		end
	end
	wait_until_drained(finish)
end)
if not ok then -- as it was: before ApplicationStop nobody else would let it serve again
	for _, each in ipairs(ready) do
		local back, why = pcall(each.balancer.haproxy.ready, each.balancer.haproxy, each.server, { wait = false })
		slipway.log(("%s: %s %s"):format(each.balancer.name, each.server,
			back and "gets requests again" or "stays drained: " .. tostring(why)))
	end
	error(err, 0)
end
