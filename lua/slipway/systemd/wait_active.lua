-- slipway.systemd.wait_active: until a unit runs, and goes on running. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"

local FN = "slipway.systemd.wait_active"
local OPTIONS = { timeout = "seconds?", interval = "seconds?", settle = "seconds?" }

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

-- When systemd itself is not there, no waiting helps.
local function full_name(unit)
	local ok, status = pcall(slipway.systemd.status, unit)
	if not ok then
		error(errors.as_said_by(status, "slipway.systemd.status", FN), 0)
	end
	return status.unit
end

return function(unit, options)
	options = options or {}
	check.argument(FN, "unit", unit, "string")
	check.options(FN, options, OPTIONS)
	local timeout, settle = options.timeout or 60, options.settle or 0
	if settle > 0 and settle >= timeout then
		check.wrong_value(FN, "settle", ("0 to less than the timeout (%g)"):format(timeout), settle)
	end
	local name = full_name(unit)
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
