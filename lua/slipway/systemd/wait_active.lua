-- slipway.systemd.wait_active: until a unit runs, and goes on running. Documented in lua/slipway.d.lua and docs/lua.md.
local types = { timeout = "number", interval = "number", settle = "number" }

local function check(unit, options)
	if type(unit) ~= "string" then
		error("slipway.systemd.wait_active: unit: string expected, got " .. type(unit), 3)
	elseif type(options) ~= "table" then
		error("slipway.systemd.wait_active: table of options expected, got " .. type(options), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("slipway.systemd.wait_active: there is no option '%s'"):format(tostring(name)), 3)
		elseif type(value) ~= want then
			error(("slipway.systemd.wait_active: %s: %s expected, got %s"):format(name, want, type(value)), 3)
		end
	end
	local timeout, settle = options.timeout or 60, options.settle or 0
	if settle < 0 or settle > 0 and settle >= timeout then
		error(("slipway.systemd.wait_active: settle: 0 to less than the timeout (%g) expected, got %g"):format(timeout,
			settle), 3)
	end
end

local function describe(status)
	local text = ("ActiveState=%s SubState=%s"):format(status.active, status.sub)
	if status.load ~= "loaded" then
		text = ("LoadState=%s "):format(status.load) .. text
	end
	if status.result then
		text = text .. " Result=" .. status.result
	end
	return status.exit_code and ("%s, exit code %d"):format(text, status.exit_code) or text
end

return function(unit, options)
	options = options or {}
	check(unit, options)
	local timeout, settle = options.timeout or 60, options.settle or 0
	local name = slipway.systemd.status(unit).unit -- when systemd itself is not there, no waiting helps
	local hint = "; its log: journalctl -u " .. name
	local seen_at, since, starts = nil, nil, 0

	local function look()
		local status = slipway.systemd.status(name)
		local now, active_since = slipway.clock(), status.since or 0
		if status.active == "failed" or status.active == "inactive" and status.load ~= "loaded" then
			slipway.raise("fail", ("%s is not active: %s"):format(name, describe(status))) -- nothing will start it
		elseif status.active ~= "active" and status.active ~= "reloading" then
			since = nil
			return false, describe(status) .. (starts > 0 and (", active %d times before"):format(starts) or "")
		elseif active_since ~= since then -- one that was started anew in between has not stayed active
			seen_at, since, starts = now, active_since, starts + 1
		end
		return now - seen_at >= settle, starts > 1 and ("active, %d times anew"):format(starts - 1) or "active"
	end

	local ok, result = pcall(slipway.wait_for, {
		what = settle > 0 and ("%s to stay active for %g s"):format(name, settle) or name .. " to be active",
		timeout = timeout,
		interval = options.interval or 0.5,
		fn = look,
	})
	if ok then
		return
	elseif type(result) == "table" and (result.kind == "timeout" or result.kind == "fail") then
		slipway.doing()
		slipway.raise(result.kind == "fail" and "failed" or "timeout", result.message .. hint)
	end
	error(result, 0)
end
