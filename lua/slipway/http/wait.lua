-- slipway.http.wait: until a URL answers as it should. Documented in lua/slipway.d.lua and docs/lua.md.
local types = {
	expect = { "number", "table" }, json = { "function" }, timeout = { "number" }, interval = { "number" },
	headers = { "table" }, ca = { "string" }, unix_socket = { "string" }, user = { "string" }, password = { "string" },
}
local ONE = 10 -- seconds for one answer

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
		elseif type(value) ~= want[1] and type(value) ~= want[2] then
			error(("slipway.http.wait: %s: %s expected, got %s"):format(name, table.concat(want, " or "), type(value)), 3)
		end
	end
	local expect = options.expect or 200
	local list = type(expect) == "table" and expect or { expect }
	for _, status in ipairs(list) do
		if math.type(status) ~= "integer" then
			error("slipway.http.wait: expect: a status or a list of them expected, got " .. tostring(status), 3)
		end
	end
	return list
end

local function contains(list, status)
	for _, one in ipairs(list) do
		if one == status then
			return true
		end
	end
	return false
end

-- Is it the answer that is waited for? If not, why? What is no JSON may become some.
local function judge(answer, expect, predicate)
	if not contains(expect, answer.status) then
		return false, ("%d"):format(answer.status)
	elseif not predicate then
		return true
	end
	local ok, value = pcall(answer.json)
	if not ok and (type(value) ~= "table" or value.kind == "ended") then
		error(value, 0)
	elseif not ok then
		return false, (value.message:gsub("^.-: the answer is ", ""))
	end
	local good, why = predicate(value)
	return good, why ~= nil and tostring(why) or ("%d, but not yet"):format(answer.status)
end

return function(url, options)
	options = options or {}
	local expect, timeout = check(url, options), options.timeout or 60
	local finish = slipway.clock() + timeout
	local shown = url:gsub("^(%a+://)[^/?#]*@", "%1***@") -- without user and password
	local last

	local ok, result = pcall(slipway.wait_for, {
		what = ("GET %s = %s"):format(shown, table.concat(expect, " or ")),
		timeout = timeout,
		interval = options.interval,
		fn = function()
			last = nil
			local left = math.max(finish - slipway.clock(), 1)
			local got, answer = pcall(slipway.http.get, url, {
				timeout = math.min(left, ONE), headers = options.headers, ca = options.ca,
				unix_socket = options.unix_socket, user = options.user, password = options.password,
			})
			if not got and (type(answer) ~= "table" or answer.kind == "ended") then
				error(answer, 0)
			elseif not got then
				return false, (answer.message:gsub("^GET %S+: ", ""))
			end
			local good, why = judge(answer, expect, options.json)
			last = { status = answer.status, excerpt = answer.excerpt(), why = why }
			return good and answer or false, why
		end,
	})
	if ok then
		return result
	elseif last and type(result) == "table" and result.kind == "timeout" then
		local wrong = contains(expect, last.status) and last.why ~= tostring(last.status) and (" (%s)"):format(last.why) or ""
		slipway.raise("timeout", ("GET %s answered %d for %g s%s; last body: \"%s\""):format(shown, last.status, timeout, wrong,
			last.excerpt))
	end
	error(result, 0)
end
