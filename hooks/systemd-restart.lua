--[[ hook
summary: restart systemd units and see that they stay up
events: [ApplicationStart, AfterInstall]
with:
  units: {type: list, required: true, help: "names, .service may be left out; restarted in this order"}
  action: {type: text, default: restart, choices: [restart, start, reload], help: what to do with them}
  daemon_reload: {type: boolean, default: false, help: first let systemd read its unit files anew}
  settle: {type: duration, default: 2s, help: how long each must stay active}
  timeout: {type: duration, default: 90s, help: for each step of a unit}
]]
local with = slipway.with
local systemd = slipway.systemd

if slipway.env.SLIPWAY_TRY then
	slipway.log(("a try: no %s of %s"):format(with.action, table.concat(with.units, ", ")))
	return
end

if with.daemon_reload then
	systemd.daemon_reload()
end
for _, unit in ipairs(with.units) do
	slipway.doing(("%s %s"):format(with.action, unit))
	-- A revision that died again and again has used up the unit's starts (StartLimitBurst=), also those of the one that is
	-- brought back. A unit that is not loaded has nothing to forget.
	pcall(systemd.reset_failed, unit)
	systemd[with.action](unit, { timeout = with.timeout })
end
for _, unit in ipairs(with.units) do -- all have been started: they settle side by side
	systemd.wait_active(unit, { timeout = with.timeout, settle = with.settle })
	slipway.log(("%s: active for %g s"):format(unit, with.settle))
end
