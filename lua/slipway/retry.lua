-- slipway.retry: try something that may fail a few times. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"

local FN = "slipway.retry"
local OPTIONS = { tries = "number?", delay = "seconds?", backoff = "number?", what = "string?", fn = "function" }

-- Done, or why not. A mistake in the script itself is raised on.
local function attempt(fn)
	local results = table.pack(pcall(fn))
	if results[1] and (results.n == 1 or results[2]) then
		return results
	elseif results[1] then
		return nil, results[3] ~= nil and tostring(results[3]) or "it returned " .. tostring(results[2])
	end
	local err = results[2]
	if not errors.may_pass(err) or err.kind == "fail" then
		error(err, 0)
	end
	return nil, err.message and tostring(err.message) or tostring(err)
end

return function(options)
	check.options(FN, options, OPTIONS)
	if options.tries and options.tries < 1 then
		check.wrong_value(FN, "tries", "1 or more", options.tries)
	elseif options.backoff and options.backoff < 0 then
		check.wrong_value(FN, "backoff", "0 or more", options.backoff)
	end
	local tries, delay = options.tries or 3, options.delay or 1
	local what = options.what or "it"

	for try = 1, math.huge do
		local results, why = attempt(options.fn)
		if results then
			slipway.doing()
			return table.unpack(results, 2, results.n)
		elseif try >= tries then
			slipway.doing()
			slipway.raise("failed", ("%s: %s (%d of %d tries)"):format(what, why, try, tries))
		end
		local text = ("%s: %s (try %d of %d, the next in %g s)"):format(what, why, try, tries, delay)
		slipway.doing(text)
		slipway.log(text)
		slipway.sleep(delay)
		delay = delay * (options.backoff or 1)
	end
end
