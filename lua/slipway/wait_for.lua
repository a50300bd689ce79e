-- slipway.wait_for: ask again until the answer is yes. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"
local misuse = require "slipway.internal.misuse"

local FN = "slipway.wait_for"
local SAY_EVERY = 5 -- seconds between two lines when nothing changes
local OPTIONS = { timeout = "seconds?", interval = "seconds?", what = "string?", fn = "function" }

-- ok, why not (a text or nil), results. A mistake in the script itself is raised on.
local function attempt(fn)
	local results = table.pack(pcall(fn))
	if not results[1] then
		local err = results[2]
		if not errors.may_pass(err) or err.kind == "fail" then
			error(err, 0)
		end
		return false, err.message and tostring(err.message) or tostring(err)
	end
	if results.n == 1 then -- a forgotten `return` would make everything well
		misuse(FN .. ": fn: a result expected (true: it is so), got none")
	elseif results[2] then
		return true, nil, results
	end
	return false, results[3] ~= nil and tostring(results[3]) or nil
end

return function(options)
	check.options(FN, options, OPTIONS)
	local fn, what = options.fn, options.what or "a condition"
	local timeout, interval = options.timeout or 60, options.interval or 1
	local start, tries, said, said_at = slipway.clock(), 0, nil, nil

	while true do
		local ok, why, results = attempt(fn)
		tries = tries + 1
		if ok then
			slipway.doing()
			if said_at then
				slipway.log(("%s: yes, after %d attempts, %.1f s"):format(what, tries, slipway.clock() - start))
			end
			return table.unpack(results, 2, results.n)
		end
		local now = slipway.clock()
		local left = start + timeout - now
		if left <= 0 then
			slipway.doing()
			slipway.raise("timeout", ("waited %g s for %s: %s (%d attempts)"):format(timeout, what, why or "not yet", tries))
		end
		local text = ("waiting for %s (%sattempt %d, %.0f s left)"):format(what, why and why .. ", " or "", tries, left)
		slipway.doing(text)
		if not said_at or why ~= said or now - said_at >= SAY_EVERY then
			slipway.log(text)
			said, said_at = why, now
		end
		slipway.sleep(math.min(interval, left))
	end
end
