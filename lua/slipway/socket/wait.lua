-- slipway.socket.wait: until somebody listens. Documented in lua/slipway.d.lua and docs/lua.md.
local types = { path = "string", host = "string", port = "number", timeout = "number", interval = "number" }

local function check(options)
	if type(options) ~= "table" then
		error("slipway.socket.wait: table expected, got " .. type(options), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("slipway.socket.wait: there is no option '%s'"):format(tostring(name)), 3)
		elseif type(value) ~= want and not (name == "port" and type(value) == "string") then
			error(("slipway.socket.wait: %s: %s expected, got %s"):format(name, want, type(value)), 3)
		end
	end
	if options.path and (options.host or options.port) or not options.path and not (options.host and options.port) then
		error("slipway.socket.wait: either path= of a Unix socket or host= and port= expected", 3)
	end
end

return function(options)
	check(options)
	local timeout = options.timeout or 60
	local finish = slipway.clock() + timeout

	slipway.wait_for{
		what = options.path or ("%s:%s"):format(options.host, options.port),
		timeout = timeout,
		interval = options.interval,
		fn = function()
			local left = math.max(finish - slipway.clock(), 1)
			local ok, connection = pcall(slipway.socket.connect, {
				path = options.path, host = options.host, port = options.port, timeout = math.min(left, 10),
			})
			if ok then
				connection:close()
				return true
			elseif type(connection) ~= "table" or connection.kind == "ended" then
				error(connection, 0)
			end
			return false, (connection.message:gsub("^connecting to .-: ", ""))
		end,
	}
end
