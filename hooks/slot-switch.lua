--[[ hook
summary: "blue/green on one host: start the idle slot of a service, check it, switch to it, stop the other one"
events: [ApplicationStart]
with:
  slots: {type: map, required: true, help: "two names, each with a port, HOST:PORT or the path of a Unix socket"}
  unit: {type: text, help: "of systemd, as shop@{slot}.service"}
  enable: {type: boolean, default: false, help: "start the unit of the slot that serves at boot, too"}
  start: {type: list, help: "instead of unit: a program and its arguments; {slot} and {address} are filled in"}
  stop: {type: list, help: "with start; must succeed when nothing runs"}
  check: {type: text, help: "path of a URL that a slot answers when it can serve, as /health; absent: it listens"}
  expect: {type: integer, default: 200, help: status of the answer}
  for: {type: duration, default: 60s, help: how long to wait until the started slot can serve}
  drain: {type: duration, default: 30s, help: how long to wait for the last requests of the other slot}
  switch: {type: text, required: true, choices: [link, nginx, haproxy-map, haproxy-weight], help: what leads to a slot}
  link: {type: text, help: "link: the symbolic link to the socket of the slot that serves"}
  include: {type: text, help: "nginx: the file that this hook writes and the configuration includes"}
  content: {type: text, default: "upstream {upstream} { server {address}; }", help: "nginx: what to write"}
  upstream: {type: text, help: "nginx: its name"}
  conf: {type: text, help: "nginx: its configuration file, when not the usual one"}
  prefix: {type: text, help: "nginx: its folder, when not the usual one"}
  pid_file: {type: text, default: /run/nginx.pid, help: nginx}
  socket: {type: text, default: /run/haproxy/admin.sock, help: "haproxy: path or HOST:PORT of its runtime API"}
  map: {type: text, help: "haproxy-map: its file"}
  key: {type: text, help: haproxy-map}
  backend: {type: text, help: "haproxy-map: value for a slot, default {slot}; haproxy-weight: the backend of both servers"}
  weight: {type: integer, default: 100, help: "haproxy-weight: of the slot that serves"}
]]
local fs, with = slipway.fs, slipway.with

-- What leads the requests to a slot is what tells which slot is live: nothing is remembered beside it. Each way has
--   live()          the slot that is served from, nil: none yet; puts right what an interrupted switch has left
--   to(slot, old)   lead to SLOT (OLD: nil for none)
--   drained(slot)   wait for the end of its last requests
local ways = {}

local names, addresses = {}, {} -- of slots, sorted; [slot] = { path = } or { host =, port = }

local function need(...)
	for _, name in ipairs{ ... } do
		if not with[name] then
			slipway.fail(("with: '%s' is needed for 'switch: %s'"):format(name, with.switch))
		end
	end
end

local function read_slots()
	for name, value in pairs(with.slots) do
		local text = type(value) == "number" and ("%d"):format(value) or tostring(value)
		if not name:find("^[%w_.-]+$") then
			slipway.fail(("with: slots: '%s' is no name for a slot"):format(name))
		elseif text:sub(1, 1) == "/" then
			addresses[name] = { path = text }
		else
			local host, port = text:match("^(.*):(%d+)$")
			addresses[name] = {
				host = host and (host:match("^%[(.*)%]$") or host) or "127.0.0.1", port = tonumber(port or text),
			}
			if not addresses[name].port then
				slipway.fail(("with: slots: %s: a port, HOST:PORT or an absolute path expected, got '%s'"):format(name, text))
			end
		end
		names[#names + 1] = name
	end
	table.sort(names)
	if #names ~= 2 then
		slipway.fail(("with: slots: two expected, got %d"):format(#names))
	end
end

-- What is the same for both slots would stop the one that serves, or lead to neither.
local function tell_apart(what, text_of)
	if text_of(names[1]) == text_of(names[2]) then
		slipway.fail(("with: %s: is '%s' for both slots"):format(what, text_of(names[1])),
			"let it hold {slot}, or what else differs between them")
	end
end

local function other(slot)
	return slot == names[1] and names[2] or names[1]
end

local function address_of(slot)
	local a = addresses[slot]
	return a.path or (a.host:find(":") and "[%s]:%d" or "%s:%d"):format(a.host, a.port)
end

local function fill(text, values)
	return (text:gsub("{(%l+)}", values))
end

local function listens(slot)
	local a = addresses[slot]
	local ok, connection = pcall(slipway.socket.connect, { path = a.path, host = a.host, port = a.port, timeout = 5 })
	if ok then
		connection:close()
	end
	return ok
end

-- The slot to which VALUE_OF(slot) == VALUE leads.
local function slot_with(value, value_of)
	for _, name in ipairs(names) do
		if value_of(name) == value then
			return name
		end
	end
	slipway.fail(("cannot tell which slot serves: '%s' is neither %s nor %s"):format(value, names[1], names[2]),
		"put it right by hand, or name the slots as they are there")
end

-- A symbolic link to the slot's socket: no reload, so connections of clients stay as they are.
ways.link = {
	check = function()
		need("link")
		for _, name in ipairs(names) do
			if not addresses[name].path then
				slipway.fail("with: slots: 'switch: link' needs Unix sockets")
			end
		end
	end,
	live = function()
		local found = fs.stat(with.link, { follow = false })
		return found and slot_with(fs.readlink(with.link), address_of)
	end,
	to = function(slot)
		fs.symlink(address_of(slot), with.link)
	end,
	-- The accepted ends of connections have the path of the listener; proc(5).
	drained = function(slot)
		slipway.wait_for{
			what = ("slot %s without connections"):format(slot), timeout = with.drain, interval = 0.1,
			fn = function()
				local count = 0
				for state, path in fs.read("/proc/net/unix"):gmatch("%x+: %x+ %x+ %x+ %x+ (%x+) +%d+ (/[^\n]*)") do
					count = count + (state ~= "01" and path == address_of(slot) and 1 or 0)
				end
				return count == 0, ("%d"):format(count)
			end,
		}
	end,
}

-- An include that this hook writes. Its first line is "# slot: green", and while nginx may not have read it yet
-- "# slot: green, not loaded, before: blue".
local function content_for(slot)
	local a = addresses[slot]
	return fill(with.content, {
		slot = slot, upstream = with.upstream, port = a.port, address = a.path and "unix:" .. a.path or address_of(slot),
	}) .. "\n"
end

-- The slot to which an include leads that somebody else has written.
local function named_in(text)
	local found = {}
	text = text:gsub("#[^\n]*", "") .. "\n"
	for _, name in ipairs(names) do
		local pattern = address_of(name):gsub("%p", "%%%0") .. "%f[%W]"
		found[#found + 1] = text:find(pattern) and name or nil
	end
	if #found ~= 1 and text:find("%S") then
		slipway.fail(("cannot tell which slot serves: '%s' names %s of %s and %s"):format(with.include,
			#found == 2 and "both" or "none", address_of(names[1]), address_of(names[2])), "put it right by hand")
	end
	return found[1]
end

local function include(text)
	local options = { conf = with.conf, prefix = with.prefix, pid_file = with.pid_file }
	options.path, options.content = with.include, text
	if not slipway.nginx.include(options) then -- written by a hook that was interrupted, and perhaps never read
		options.path, options.content = nil, nil
		slipway.nginx.reload(options)
	end
end

ways.nginx = {
	check = function()
		need("include")
		if with.content:find("{upstream}", 1, true) then
			need("upstream")
		end
		tell_apart("content", function(slot) return (content_for(slot):gsub("\n$", "")) end)
	end,
	live = function()
		local text = fs.exists(with.include) and fs.read(with.include) or ""
		local to, before = text:match("^# slot: ([%w_.-]+), not loaded, before: (%S+)\n")
		local slot = to or text:match("^# slot: ([%w_.-]+)\n")
		if not slot then
			return named_in(text)
		end
		slot = slot_with(slot, function(name) return name end)
		if to then
			slot = not listens(slot) and addresses[before] and before or slot
			ways.nginx.to(slot, other(slot))
		end
		return slot
	end,
	to = function(slot, old)
		local body = content_for(slot)
		include(("# slot: %s, not loaded, before: %s\n"):format(slot, old or "none") .. body)
		fs.write(with.include, ("# slot: %s\n"):format(slot) .. body)
	end,
	drained = function()
		require("slipway.internal.nginx").wait_old{ pid_file = with.pid_file, wait_old = with.drain }
	end,
}

local haproxy

local function connect()
	haproxy = require("slipway.internal.haproxy")(with.socket)
end

local function value_for(slot)
	return fill(with.backend or "{slot}", { slot = slot })
end

local function wait_sessions(what, count)
	slipway.wait_for{
		what = ("haproxy: %s without sessions"):format(what), timeout = with.drain, interval = 0.1,
		fn = function()
			local n = count()
			return n == 0, ("%d"):format(n)
		end,
	}
end

-- A word in a map names the backend.
ways["haproxy-map"] = {
	check = function()
		need("map", "key")
		tell_apart("backend", value_for)
		connect()
	end,
	live = function()
		local value = haproxy:map_get(with.map, with.key)
		local slot = value and slot_with(value, value_for)
		if slot then
			haproxy:map_set(with.map, with.key, value, { file = true, backend = true }) -- the file may be older
		end
		return slot
	end,
	to = function(slot)
		slipway.wait_for{
			what = ("haproxy: backend %s up"):format(value_for(slot)), timeout = with["for"], interval = 0.1,
			fn = function()
				for _, server in ipairs(haproxy:servers(value_for(slot))) do
					if server.op == "up" and server.admin == "ready" then
						return true
					end
				end
				return false
			end,
		}
		haproxy:map_set(with.map, with.key, value_for(slot), { file = true, backend = true })
	end,
	drained = function(slot)
		wait_sessions("backend " .. value_for(slot), function()
			local sum = 0
			for _, server in ipairs(haproxy:servers(value_for(slot))) do
				sum = sum + server.sessions
			end
			return sum
		end)
	end,
}

-- Two servers of one backend, named as the slots; the one that does not serve has weight 0.
local function server_of(slot)
	return ("%s/%s"):format(with.backend, slot)
end

ways["haproxy-weight"] = {
	check = function()
		need("backend")
		if with.weight < 1 or with.weight > 256 then
			slipway.fail(("with: weight: 1 to 256 expected, got %d"):format(with.weight))
		end
		connect()
	end,
	live = function()
		local weighted, up = {}, {}
		for _, name in ipairs(names) do
			local state = haproxy:state(server_of(name))
			if state.weight > 0 then
				weighted[#weighted + 1] = name
				up[#up + 1] = state.op == "up" and name or nil
			end
		end
		-- After a restart of haproxy both have the weight of its configuration, and the one that is stopped is down.
		local slot = #weighted == 1 and weighted[1] or up[1]
		if slot then
			haproxy:weight(server_of(slot), with.weight)
			haproxy:weight(server_of(other(slot)), 0) -- no request before it is checked
		end
		return slot
	end,
	to = function(slot)
		haproxy:ready(server_of(slot), { timeout = with["for"], interval = 0.1 })
		-- In this order, and in one step: with no weight at all everybody would get a 503.
		local command = ("set server %s weight %d; set server %s weight 0"):format(server_of(slot), with.weight,
			server_of(other(slot)))
		local answer = haproxy:command(command)
		if answer:find("%S") then
			slipway.raise("failed", ("haproxy: %s: %s"):format(command, answer))
		end
	end,
	drained = function(slot)
		wait_sessions(server_of(slot), function() return haproxy:sessions(server_of(slot)) end)
	end,
}

local function words_of(list, slot)
	local words = { check = true }
	for i, word in ipairs(list) do
		words[i] = fill(word, { slot = slot, address = address_of(slot) })
	end
	return words
end

local function command(list, slot)
	slipway.run(words_of(list, slot))
end

local function unit_of(slot)
	return fill(with.unit, { slot = slot })
end

local function check_service()
	if with.unit then
		return tell_apart("unit", unit_of)
	elseif not (with.start and with.stop) then
		slipway.fail("with: either 'unit', or 'start' and 'stop' are needed")
	end
	for _, name in ipairs{ "start", "stop" } do
		tell_apart(name, function(slot) return table.concat(words_of(with[name], slot), " ") end)
	end
end

local function start(slot)
	if with.unit then
		pcall(slipway.systemd.reset_failed, unit_of(slot)) -- what died there before may have used up its starts
		slipway.systemd.restart(unit_of(slot))
	else
		command(with.stop, slot) -- what an interrupted deployment has left there
		command(with.start, slot)
	end
end

local function stop(slot)
	if with.unit then
		slipway.systemd.stop(unit_of(slot))
	else
		command(with.stop, slot)
	end
end

local function check(slot)
	local a = addresses[slot]
	if not with.check then
		return slipway.socket.wait{ path = a.path, host = a.host, port = a.port, timeout = with["for"], interval = 0.1 }
	end
	slipway.wait_for{
		what = ("slot %s: GET %s = %d"):format(slot, with.check, with.expect), timeout = with["for"], interval = 0.2,
		fn = function()
			local url = ("http://%s%s"):format(a.path and "localhost" or address_of(slot), with.check)
			local answer = slipway.http.get(url, { timeout = 10, unix_socket = a.path })
			return answer.status == with.expect, ("%d"):format(answer.status)
		end,
	}
end

if slipway.env.SLIPWAY_TRY then
	slipway.log("a try: no slot is started and none switched to")
	return
end
read_slots()
tell_apart("slots", address_of)
check_service()
local way = ways[with.switch]
way.check()

local old = way.live()
local new = old and other(old) or names[1]
slipway.log(("slot %s (%s) is started, %s"):format(new, address_of(new), old and old .. " serves" or "none serves yet"))

-- An interrupted deployment may have left it with its last requests.
if old and listens(new) then
	pcall(way.drained, new)
end

local ok, err = pcall(function()
	start(new)
	check(new)
	way.to(new, old)
end)
if not ok then
	-- What led to the old one does so still, or is led back; a slot that serves perhaps is not stopped.
	local known, live = pcall(way.live)
	if known and live == new and old then
		pcall(way.to, old, new)
		known, live = pcall(way.live)
	end
	if known and live ~= new then
		pcall(stop, new)
	end
	error(err, 0)
end
slipway.log(("slot %s serves"):format(new))
if with.unit and with.enable then
	slipway.systemd.enable(unit_of(new))
end

if old then
	local drained, why = pcall(way.drained, old)
	if not drained then
		slipway.log(("slot %s is stopped all the same: %s"):format(old, tostring(why)))
	end
	stop(old)
	if with.unit and with.enable then
		slipway.systemd.disable(unit_of(old))
	end
end
