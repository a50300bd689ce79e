-- slipway.haproxy.open: the runtime API of an HAProxy. Documented in lua/slipway.d.lua and docs/lua.md.
-- Source: HAProxy 2.6 management guide, section 9.3; an answer to a command that sets something is empty, else an error.
local check = require "slipway.internal.check"

local OPEN = "slipway.haproxy.open"
local OPERATION = { [0] = "down", "starting", "up", "stopping" } -- srv_op_state
local MAINT, DRAIN = 0x67, 0x18 -- bits of srv_admin_state, whoever set them

-- Words of a command: a blank, `;` or newline in one would begin something else.
local BACKEND, SERVER, WORD = "^[%w_.:-]+$", "^[%w_.:-]+/[%w_.:-]+$", "^[^%s;\\#\"'<]+$"

local methods = {}

local function check_word(fn, name, value, pattern)
	check.argument(fn, name, value, "string")
	if not value:find(pattern) then
		check.wrong_value(fn, name, pattern == SERVER and "'backend/server'" or "one word", value)
	end
end

-- The answer to one line.
local function ask(self, text)
	local o = self.options
	local connection <close> = slipway.socket.connect{ path = o.socket, host = o.host, port = o.port, timeout = o.timeout or 10 }
	return (connection:send(text .. "\n"):all():gsub("%s+$", ""))
end

function methods:command(text)
	local fn = "slipway.Haproxy:command"
	check.argument(fn, "text", text, "string")
	if text:find("\n") then
		check.wrong_value(fn, "text", "one line", text)
	end
	return ask(self, text)
end

-- For commands that answer nothing unless they fail.
local function set(self, command)
	local answer = ask(self, command)
	if answer ~= "" then
		slipway.raise("failed", ("haproxy: %s: %s"):format(command, (answer:gsub("%s+", " "))))
	end
end

-- Rows of an answer that begins with a line of names behind "# "; SEPARATOR is a pattern's set of signs between values.
local function rows(self, command, separator)
	local names, found = nil, {}
	local answer = ask(self, command)
	for line in answer:gmatch("[^\n]+") do
		if line:find("^# ") then
			names = {}
			for name in line:sub(3):gmatch("[^" .. separator .. "]+") do
				names[#names + 1] = name
			end
		elseif names then
			local row, n = {}, 0
			for value in line:gmatch("([^" .. separator .. "]*)[" .. separator .. "]?") do
				n = n + 1
				row[names[n] or n] = value
			end
			found[#found + 1] = row
		end
	end
	if not names then
		slipway.raise("failed", ("haproxy: %s: %s"):format(command, (answer:gsub("%s+", " "))))
	end
	return found
end

-- Sessions of each server of BACKEND, with those that wait for it.
local function sessions_of(self, backend)
	local count = {}
	for _, row in ipairs(rows(self, ("show stat %s 4 -1"):format(backend), ",")) do
		count[row.svname] = tonumber(row.scur) + (tonumber(row.qcur) or 0)
	end
	return count
end

local function admin_of(bits)
	if bits & MAINT ~= 0 then
		return "maint"
	end
	return bits & DRAIN ~= 0 and "drain" or "ready"
end

local function servers_of(self, backend)
	local list, sessions = {}, nil
	for _, row in ipairs(rows(self, "show servers state " .. backend, " ")) do
		sessions = sessions or sessions_of(self, backend)
		list[#list + 1] = {
			name = row.srv_name,
			op = OPERATION[tonumber(row.srv_op_state)] or row.srv_op_state,
			admin = admin_of(tonumber(row.srv_admin_state)),
			weight = tonumber(row.srv_uweight),
			sessions = sessions[row.srv_name] or 0,
		}
	end
	return list
end

function methods:servers(backend)
	check_word("slipway.Haproxy:servers", "backend", backend, BACKEND)
	return servers_of(self, backend)
end

local function state_of(self, server)
	local backend, name = server:match("^(.-)/(.*)$")
	for _, state in ipairs(servers_of(self, backend)) do
		if state.name == name then
			return state
		end
	end
	slipway.raise("failed", ("haproxy: backend '%s' has no server '%s'"):format(backend, name))
end

function methods:state(server)
	check_word("slipway.Haproxy:state", "server", server, SERVER)
	return state_of(self, server)
end

function methods:sessions(server)
	check_word("slipway.Haproxy:sessions", "server", server, SERVER)
	return state_of(self, server).sessions
end

local WAITING = { timeout = "seconds?", interval = "seconds?", wait = "boolean?" }

local function wait_until(options, what, fn)
	slipway.wait_for{ what = what, timeout = options.timeout, interval = options.interval or 0.2, fn = fn }
end

function methods:drain(server, options)
	options = options or {}
	check_word("slipway.Haproxy:drain", "server", server, SERVER)
	check.options("slipway.Haproxy:drain", options, WAITING)
	set(self, ("set server %s state drain"):format(server))
	if options.wait == false then
		return
	end
	wait_until(options, ("haproxy: %s without sessions"):format(server), function()
		local count = state_of(self, server).sessions
		return count == 0, ("%d"):format(count)
	end)
end

function methods:ready(server, options)
	options = options or {}
	check_word("slipway.Haproxy:ready", "server", server, SERVER)
	check.options("slipway.Haproxy:ready", options, WAITING)
	set(self, ("set server %s state ready"):format(server))
	if options.wait == false then
		return
	end
	wait_until(options, ("haproxy: %s up"):format(server), function()
		local state = state_of(self, server)
		return state.op == "up" and state.admin == "ready", state.admin == "ready" and state.op or state.admin
	end)
end

function methods:maint(server)
	check_word("slipway.Haproxy:maint", "server", server, SERVER)
	set(self, ("set server %s state maint"):format(server))
end

-- Absolute ones only: "10%" is of the weight in the file, and stays 0 when that is 0.
function methods:weight(server, weight)
	check_word("slipway.Haproxy:weight", "server", server, SERVER)
	if math.type(weight) ~= "integer" or weight < 0 or weight > 256 then
		check.wrong_value("slipway.Haproxy:weight", "weight", "0 to 256", weight)
	end
	set(self, ("set server %s weight %d"):format(server, weight))
end

local function map_entry(self, file, key)
	local answer = ask(self, "show map " .. file)
	for line in answer:gmatch("[^\n]+") do
		local found, value = line:match("^0x%x+ (%S+) (.*)$")
		if not found then
			slipway.raise("failed", ("haproxy: show map %s: %s"):format(file, line))
		elseif found == key then
			return value
		end
	end
	return nil
end

function methods:map_get(file, key)
	check_word("slipway.Haproxy:map_get", "file", file, WORD)
	check_word("slipway.Haproxy:map_get", "key", key, WORD)
	return map_entry(self, file, key)
end

-- The text of a map file with KEY set.
local function with_entry(text, key, value)
	local lines, set_it = {}, false
	for line in text:gsub("[^\n]$", "%0\n"):gmatch("(.-)\n") do
		if line:match("^%s*(%S+)") ~= key then
			lines[#lines + 1] = line
		elseif not set_it then
			lines[#lines + 1], set_it = ("%s %s"):format(key, value), true
		end
	end
	if not set_it then
		lines[#lines + 1] = ("%s %s"):format(key, value)
	end
	return table.concat(lines, "\n") .. "\n"
end

local function set_entry(self, file, key, value)
	local verb = map_entry(self, file, key) and "set" or "add"
	set(self, ("%s map %s %s %s"):format(verb, file, key, value))
end

-- The file first: an HAProxy that starts anew in between reads what it is about to be told.
function methods:map_set(file, key, value, options)
	local fn = "slipway.Haproxy:map_set"
	options = options or {}
	check_word(fn, "file", file, WORD)
	check_word(fn, "key", key, WORD)
	check_word(fn, "value", value, WORD)
	check.options(fn, options, { file = "boolean?", backend = "boolean?" })
	if options.backend then
		check_word(fn, "value", value, BACKEND)
		rows(self, "show servers state " .. value, " ") -- else everybody would get a 503
	end
	if not options.file then
		return set_entry(self, file, key, value)
	end
	check.argument(fn, "file", file, "path")
	map_entry(self, file, key) -- that there is such a map
	local old = slipway.fs.read(file)
	local new = with_entry(old, key, value)
	if new ~= old then
		slipway.fs.write(file, new)
	end
	local ok, err = pcall(set_entry, self, file, key, value)
	if not ok then
		slipway.fs.write(file, old)
		error(err, 0)
	end
end

-- haproxy.drain("shop/a") is a slip of the pen for haproxy:drain("shop/a").
local class = { __index = {} }
for name, method in pairs(methods) do
	class.__index[name] = function(self, ...)
		if getmetatable(self) ~= class then
			check.wrong_type("slipway.Haproxy:" .. name, "self", "slipway.Haproxy", self)
		end
		return method(self, ...)
	end
end

return function(options)
	check.options(OPEN, options, { socket = "string?", host = "string?", port = "port?", timeout = "timeout?" })
	check.one_way(OPEN, options, "path of a Unix socket, or host= and port=", { "socket" }, { "host", "port" })
	return setmetatable({ options = options }, class)
end
