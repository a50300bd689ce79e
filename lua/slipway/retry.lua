-- slipway.retry: try something that may fail a few times. Documented in lua/slipway.d.lua and docs/lua.md.
local types = { tries = "number", delay = "number", backoff = "number", what = "string", fn = "function" }

local function check(options)
	if type(options) ~= "table" then
		error("slipway.retry: table expected, got " .. type(options), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("slipway.retry: there is no option '%s'"):format(tostring(name)), 3)
		elseif type(value) ~= want then
			error(("slipway.retry: %s: %s expected, got %s"):format(name, want, type(value)), 3)
		end
	end
	if not options.fn then
		error("slipway.retry: fn: function expected, got nil", 3)
	elseif options.tries and options.tries < 1 then
		error("slipway.retry: tries: at least 1 expected, got " .. options.tries, 3)
	end
end

-- Done, or why not. A mistake in the script itself is raised on.
local function attempt(fn)
	local results = table.pack(pcall(fn))
	if results[1] and (results.n == 1 or results[2]) then
		return results
	elseif results[1] then
		return nil, results[3] ~= nil and tostring(results[3]) or "it returned " .. tostring(results[2])
	end
	local err = results[2]
	if type(err) ~= "table" or err.kind == "fail" or err.kind == "ended" then
		error(err, 0)
	end
	return nil, err.message and tostring(err.message) or tostring(err)
end

return function(options)
	check(options)
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
