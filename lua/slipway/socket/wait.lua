-- slipway.socket.wait: until somebody listens. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"

local FN = "slipway.socket.wait"
local ONE = 10 -- seconds for one attempt
local OPTIONS = { path = "string?", host = "string?", port = "port?", timeout = "seconds?", interval = "seconds?" }

return function(options)
	check.options(FN, options, OPTIONS)
	check.one_way(FN, options, "path= of a Unix socket, or host= and port=", { "path" }, { "host", "port" })
	local timeout = options.timeout or 60
	local finish = slipway.clock() + timeout

	slipway.wait_for{
		what = options.path or ("%s:%s"):format(options.host, options.port),
		timeout = timeout,
		interval = options.interval,
		fn = function()
			local left = math.max(finish - slipway.clock(), 1)
			local ok, connection = pcall(slipway.socket.connect, {
				path = options.path, host = options.host, port = options.port, timeout = math.min(left, ONE),
			})
			if ok then
				connection:close()
				return true
			elseif not errors.may_pass(connection) then
				error(errors.as_said_by(connection, "slipway.socket.connect", FN), 0)
			end
			return false, (connection.message:gsub("^connecting to .-: ", ""))
		end,
	}
end
