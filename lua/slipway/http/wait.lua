-- slipway.http.wait: until a URL answers as it should. Documented in lua/slipway.d.lua and docs/lua.md.
local types = { expect = "number", timeout = "number", interval = "number", headers = "table" }
local SHOWN = 200 -- bytes of a last body in a message

local function check(url, options)
	if type(url) ~= "string" then
		error("slipway.http.wait: url: string expected, got " .. type(url), 3)
	elseif type(options) ~= "table" then
		error("slipway.http.wait: table of options expected, got " .. type(options), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("slipway.http.wait: there is no option '%s'"):format(tostring(name)), 3)
		elseif type(value) ~= want then
			error(("slipway.http.wait: %s: %s expected, got %s"):format(name, want, type(value)), 3)
		end
	end
end

return function(url, options)
	options = options or {}
	check(url, options)
	local expect, timeout = options.expect or 200, options.timeout or 60
	local finish = slipway.clock() + timeout
	local status, body

	local ok, result = pcall(slipway.wait_for, {
		what = ("GET %s = %d"):format(url, expect),
		timeout = timeout,
		interval = options.interval,
		fn = function()
			status = nil
			local left = math.max(finish - slipway.clock(), 1)
			local got, answer = pcall(slipway.http.get, url, { timeout = math.min(left, 10), headers = options.headers })
			if not got and (type(answer) ~= "table" or answer.kind == "ended") then
				error(answer, 0)
			elseif not got then
				return false, (answer.message:gsub("^GET %S+: ", ""))
			end
			status, body = answer.status, answer.body
			return status == expect and answer or false, ("%d"):format(status)
		end,
	})
	if ok then
		return result
	elseif status and type(result) == "table" and result.kind == "timeout" then
		slipway.raise("timeout", ("GET %s answered %d for %g s; last body: %q"):format(url, status, timeout,
			(body:sub(1, SHOWN):gsub("[\r\n]+", " "))))
	end
	error(result, 0)
end
