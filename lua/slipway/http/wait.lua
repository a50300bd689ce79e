-- slipway.http.wait: until a URL answers as it should. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"
local shown_url = require "slipway.internal.url"

local FN = "slipway.http.wait"
local ONE = 10 -- seconds for one answer
local MOST = 32 -- statuses
local OPTIONS = {
	expect = "number|table?", json = "function?", timeout = "seconds?", interval = "seconds?", headers = "table?",
	ca = "string?", unix_socket = "string?", user = "string?", password = "string?",
}

-- The list of statuses that are waited for.
local function expected_by(options)
	local expect = options.expect or 200
	local list = type(expect) == "table" and expect or { expect }
	if #list < 1 or #list > MOST then
		check.wrong_value(FN, "expect", ("1 to %d of them"):format(MOST), #list)
	end
	for _, status in ipairs(list) do
		if math.type(status) ~= "integer" or status < 100 or status > 599 then
			check.wrong_value(FN, "expect", "a status from 100 to 599 or a list of them", status)
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
	if not ok and not errors.may_pass(value) then
		error(value, 0)
	elseif not ok then
		return false, (value.message:gsub("^.-: the answer is ", ""))
	end
	local good, why = predicate(value)
	return good, why ~= nil and tostring(why) or ("%d, but not yet"):format(answer.status)
end

-- The answer, or false and why there is none.
local function get(url, options, timeout)
	local ok, answer = pcall(slipway.http.get, url, {
		timeout = timeout, headers = options.headers, ca = options.ca, unix_socket = options.unix_socket,
		user = options.user, password = options.password,
	})
	if ok then
		return answer
	elseif not errors.may_pass(answer) then
		error(errors.as_said_by(answer, "slipway.http.get", FN), 0)
	end
	return false, (answer.message:gsub("^GET %S+: ", ""))
end

return function(url, options)
	options = options or {}
	check.argument(FN, "url", url, "string")
	check.options(FN, options, OPTIONS)
	local expect, timeout = expected_by(options), options.timeout or 60
	local finish = slipway.clock() + timeout
	local shown = shown_url(url)
	local last -- what came last, when something came

	local ok, result = pcall(slipway.wait_for, {
		what = ("GET %s = %s"):format(shown, table.concat(expect, " or ")),
		timeout = timeout,
		interval = options.interval,
		fn = function()
			last = nil
			local left = math.max(finish - slipway.clock(), 1)
			local answer, reason = get(url, options, math.min(left, ONE))
			if not answer then
				return false, reason
			end
			local good, why = judge(answer, expect, options.json)
			last = { status = answer.status, excerpt = answer.excerpt(), why = why }
			return good and answer or false, why
		end,
	})
	if ok then
		return result
	elseif last and errors.may_pass(result) and result.kind == "timeout" then
		local wrong = contains(expect, last.status) and last.why ~= tostring(last.status) and (" (%s)"):format(last.why) or ""
		slipway.raise("timeout", ("GET %s answered %d for %g s%s; last body: \"%s\""):format(shown, last.status, timeout, wrong,
			last.excerpt))
	end
	error(result, 0)
end
