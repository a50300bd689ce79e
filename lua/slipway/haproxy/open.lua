-- slipway.haproxy.open: the runtime API of an HAProxy. Documented in lua/slipway.d.lua and docs/load-balancers.md.
-- Source: HAProxy 2.6 management guide, section 9.3; an answer to a command that sets something is empty, else an error.
local check_options = require "slipway.internal.options"

local OPEN = "slipway.haproxy.open"
local OPERATION = { [0] = "down", "starting", "up", "stopping" } -- srv_op_state
local MAINT, DRAIN = 0x67, 0x18 -- bits of srv_admin_state, whoever set them

local haproxy = {}
haproxy.__index = haproxy

-- A word of a command: a blank, `;` or newline in it would begin something else.
local function check_word(fn, name, value, pattern)
	if type(value) ~= "string" then
		error(("%s: %s: string expected, got %s"):format(fn, name, type(value)), 3)
	elseif not value:find(pattern) then
		error(("%s: %s: one word expected, got '%s'"):format(fn, name, value), 3)
	end
end

local BACKEND, SERVER, WORD = "^[%w_.:-]+$", "^[%w_.:-]+/[%w_.:-]+$", "^[^%s;\\#\"'<]+$"

local function check_server(fn, server)
	if type(server) ~= "string" then
		error(("%s: server: string expected, got %s"):format(fn, type(server)), 3)
	elseif not server:find(SERVER) then
		error(("%s: server: 'backend/server' expected, got '%s'"):format(fn, server), 3)
	end
end

function haproxy:command(text)
	if type(text) ~= "string" then
		error("slipway.haproxy: command: string expected, got " .. type(text), 2)
	elseif text:find("\n") then
		error("slipway.haproxy: command: one line expected", 2)
	end
	local connection <close> = slipway.socket.connect{
		path = self.options.socket, host = self.options.host, port = self.options.port,
		timeout = self.options.timeout or 10,
	}
	return (connection:send(text .. "\n"):all():gsub("%s+$", ""))
end

-- For commands that answer nothing unless they fail.
local function set(self, command)
	local answer = self:command(command)
	if answer ~= "" then
		slipway.raise("failed", ("haproxy: %s: %s"):format(command, (answer:gsub("%s+", " "))))
	end
end

-- Rows of an answer that begins with a line of names behind "# "; SEPARATOR is a pattern's set of signs between values.
local function rows(self, command, separator)
	local names, found = nil, {}
	local answer = self:command(command)
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

function haproxy:servers(backend)
	check_word("slipway.haproxy: servers", "backend", backend, BACKEND)
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

function haproxy:state(server)
	check_server("slipway.haproxy: state", server)
	return state_of(self, server)
end

function haproxy:sessions(server)
	check_server("slipway.haproxy: sessions", server)
	return state_of(self, server).sessions
end

local waiting = { timeout = "number", interval = "number", wait = "boolean" }

local function wait_until(options, what, fn)
	slipway.wait_for{ what = what, timeout = options.timeout, interval = options.interval or 0.2, fn = fn }
end

function haproxy:drain(server, options)
	options = options or {}
	check_server("slipway.haproxy: drain", server)
	check_options("slipway.haproxy: drain", options, waiting)
	set(self, ("set server %s state drain"):format(server))
	if options.wait == false then
		return
	end
	wait_until(options, ("haproxy: %s without sessions"):format(server), function()
		local count = state_of(self, server).sessions
		return count == 0, ("%d"):format(count)
	end)
end

function haproxy:ready(server, options)
	options = options or {}
	check_server("slipway.haproxy: ready", server)
	check_options("slipway.haproxy: ready", options, waiting)
	set(self, ("set server %s state ready"):format(server))
	if options.wait == false then
		return
	end
	wait_until(options, ("haproxy: %s up"):format(server), function()
		local state = state_of(self, server)
		return state.op == "up" and state.admin == "ready", state.admin == "ready" and state.op or state.admin
	end)
end

function haproxy:maint(server)
	check_server("slipway.haproxy: maint", server)
	set(self, ("set server %s state maint"):format(server))
end

-- Absolute ones only: "10%" is of the weight in the file, and stays 0 when that is 0.
function haproxy:weight(server, weight)
	check_server("slipway.haproxy: weight", server)
	if math.type(weight) ~= "integer" or weight < 0 or weight > 256 then
		error(("slipway.haproxy: weight: 0 to 256 expected, got %s"):format(tostring(weight)), 2)
	end
	set(self, ("set server %s weight %d"):format(server, weight))
end

local function map_entry(self, file, key)
	local answer = self:command("show map " .. file)
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

function haproxy:map_get(file, key)
	check_word("slipway.haproxy: map_get", "file", file, WORD)
	check_word("slipway.haproxy: map_get", "key", key, WORD)
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
function haproxy:map_set(file, key, value, options)
	local fn = "slipway.haproxy: map_set"
	options = options or {}
	check_word(fn, "file", file, WORD)
	check_word(fn, "key", key, WORD)
	check_word(fn, "value", value, WORD)
	check_options(fn, options, { file = "boolean", backend = "boolean" })
	if options.backend then
		check_word(fn, "value", value, BACKEND)
		rows(self, "show servers state " .. value, " ") -- else everybody would get a 503
	end
	if not options.file then
		return set_entry(self, file, key, value)
	end
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

return function(options)
	check_options(OPEN, options, { socket = "string", host = "string", port = "number or string", timeout = "number" })
	if options.socket and (options.host or options.port) or not options.socket and not (options.host and options.port) then
		error(OPEN .. ": either socket= (a path) or host= and port= expected", 2)
	end
	return setmetatable({ options = options }, haproxy)
end
