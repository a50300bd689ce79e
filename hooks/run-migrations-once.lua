--[[ hook
summary: run a migration on one host only, and once only
events: [BeforeInstall, AfterInstall, ApplicationStart]
with:
  command: {type: list, help: "program and arguments, from the top of the bundle: [bin/migrate, --to, 42]"}
  shell: {type: text, help: "in place of it, a line for /bin/sh"}
  key: {type: text, help: "what it is done once for (the deployment): such as the number of a schema"}
  name: {type: text, help: "migrations of different names know nothing of each other (the application)"}
  folder: {type: text, default: /var/lib/slipway/once, help: "for lock and marks; shared by all hosts that must agree"}
  wait: {type: duration, default: 10m, help: how long to wait for another host that is at it}
  timeout: {type: duration, help: "of the command (none but the hook's own)"}
  no_restore: {type: boolean, default: true, help: the previous revision cannot live with what was migrated}
]]
local with = slipway.with
local fs = slipway.fs
local MARK_LINES = 1000

local argv = with.command or { shell = with.shell }
if (with.command == nil) == (with.shell == nil) then
	slipway.fail("run-migrations-once takes either 'command' or 'shell'", "give it one of the two below 'with'")
end
argv.cwd = slipway.archive_dir
argv.timeout = with.timeout

local function log_lines(text)
	for line in text:gmatch("[^\n]+") do
		slipway.log(line)
	end
end

local function last_line(text)
	return text:match("([^\n]*)\n*$")
end

-- The first line of TEXT, and as many of the last ones as make COUNT with it.
local function last_lines(text, count)
	local lines = {}
	for line in text:gmatch("[^\n]+\n") do
		lines[#lines + 1] = line
	end
	table.move(lines, math.max(#lines - count + 2, 2), #lines, 2)
	return table.concat(lines, "", 1, math.min(#lines, count))
end

-- As the appspec has it: what {{PASSWORD}} stands for is not for the log.
local written = slipway.json.decode(slipway.env.SLIPWAY_WITH)
local shown = written.shell or table.concat(written.command, " ")

local function migrate()
	slipway.doing("running " .. shown)
	local code, out, err = slipway.run(argv)
	log_lines(out)
	log_lines(err)
	if code ~= 0 then
		slipway.fail(("'%s' ended with exit code %d: %s"):format(shown, code, last_line(err ~= "" and err or out)))
	end
end

if slipway.restore then
	slipway.log("nothing is migrated while a revision is brought back")
	return
elseif slipway.env.SLIPWAY_TRY then
	slipway.log(("a try: '%s' is not run"):format(shown))
	return
end

local key = with.key or slipway.deployment
local name = with.name or slipway.application
local file = ("%s/%s"):format(with.folder, name:gsub("[^%w._-]", "_"))
local mark = ("%s-%s.done"):format(file, slipway.sha256(name .. "\n" .. key):sub(1, 16))

fs.mkdir(with.folder, { parents = true, mode = "0700" }) -- whoever can open the lock can hold it
local lock <close> = fs.lock(file .. ".lock", { timeout = with.wait }) -- luacheck: ignore 211

-- The mark tells who has migrated, and after that which deployments have found it so: a line for each.
local done = fs.exists(mark) and fs.read(mark)

-- The previous revision lives with what is migrated if it was deployed for the same key itself.
local function previous_knows()
	local previous = slipway.previous and slipway.previous:match("([^/]+)/deployment%-archive$")
	return previous and done and done:find((" deployment %s\n"):format(previous), 1, true) ~= nil
end

if with.no_restore and not previous_knows() then -- before the dangerous part; what another host has migrated counts
	slipway.no_restore(("run-migrations-once: %s is migrated for '%s'"):format(name, key))
end
if done then
	slipway.log(("%s was migrated for '%s' already: %s"):format(name, key, done:match("[^\n]*")))
else
	migrate()
end
local line = ("by %s in deployment %s\n"):format(slipway.instance or "this host", slipway.deployment or "?")
if not (done and done:find(line, 1, true)) then
	fs.write(mark, last_lines(done or "", MARK_LINES) .. line)
end
