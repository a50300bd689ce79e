-- What the functions of slipway.nginx have in common. How nginx reloads: nginx.org/en/docs/control.html. The master tells
-- nobody whether it took the new configuration, but only then it starts new workers and renames the old ones.
local PID_FILE = "/run/nginx.pid" -- where Debian's configuration has it
local SHUTTING_DOWN = "worker process is shutting down"

local nginx = {
	OPTIONS = { conf = "string?", prefix = "string?", program = "string?" },
	RELOAD_OPTIONS = {
		conf = "string?", prefix = "string?", program = "string?", pid_file = "path?", timeout = "seconds?",
		wait_old = "seconds?",
	},
}

local function run(options, ...)
	local command = { options.program or "nginx" }
	for _, pair in ipairs{ { "-p", options.prefix }, { "-c", options.conf } } do
		if pair[2] then
			table.move(pair, 1, 2, #command + 1, command)
		end
	end
	table.move({ ... }, 1, select("#", ...), #command + 1, command)
	command.timeout = 60
	local code, _, said = slipway.run(command)
	return code, said
end

-- The line that says what is wrong: "unknown directive "x" in /etc/nginx/nginx.conf:3".
local function complaint(said)
	local line = said:match("%[emerg%] ([^\n]*)") or said:match("%[alert%] ([^\n]*)") or said:match("([^\n]*)\n*$")
	return (line:gsub("^%d+#%d+: ", ""))
end

---Raise nginx's own words unless its configuration is fine.
---@param options slipway.NginxReload
---@return string said
function nginx.test(options)
	local code, said = run(options, "-q", "-t")
	if code ~= 0 then
		slipway.raise("failed", ("nginx -t: %s"):format(complaint(said)))
	end
	return said
end

---Ask for a reload, which may still come to nothing.
---@param options slipway.NginxReload
function nginx.signal(options)
	local code, said = run(options, "-q", "-s", "reload")
	if code ~= 0 then
		slipway.raise("failed", ("nginx -s reload: %s"):format(complaint(said)))
	end
end

-- A file of /proc, nil when its process has ended.
local function of_process(path)
	local ok, text = pcall(slipway.fs.read, path)
	return ok and text or nil
end

-- PID of each worker of MASTER: is it shutting down?
local function workers_of(master)
	local children = of_process(("/proc/%s/task/%s/children"):format(master, master))
	if not children then
		slipway.raise("failed", ("nginx: its master process %s is not there (any more)"):format(master))
	end
	local workers = {}
	for pid in children:gmatch("%d+") do
		local title = of_process(("/proc/%s/cmdline"):format(pid))
		if title and title:find("worker process", 1, true) then
			workers[pid] = { leaving = title:find(SHUTTING_DOWN, 1, true) ~= nil }
		end
	end
	return workers
end

local function count(workers, condition)
	local n = 0
	for pid, worker in pairs(workers) do
		n = n + (condition(pid, worker) and 1 or 0)
	end
	return n
end

local function master_of(options)
	local path = options.pid_file or PID_FILE
	local ok, text = pcall(slipway.fs.read, path)
	local pid = ok and text:match("^%s*(%d+)")
	if not pid then
		slipway.raise("failed", ("nginx: no process id in '%s': it does not run, or its file is another (pid_file)")
			:format(path))
	end
	return pid
end

---Ask for a reload and wait until new workers serve.
---@param options slipway.NginxReload
function nginx.reload(options)
	local master = master_of(options)
	local old = workers_of(master)
	nginx.signal(options)

	local ok, err = pcall(slipway.wait_for, {
		what = "nginx: new workers", timeout = options.timeout or 30, interval = 0.05,
		fn = function()
			local now = workers_of(master)
			local staying = count(now, function(pid, worker) return old[pid] and not worker.leaving end)
			local new = count(now, function(pid, worker) return not old[pid] and not worker.leaving end)
			return new > 0 and staying == 0, "the old ones serve"
		end,
	})
	if not ok and type(err) == "table" and err.kind == "timeout" then
		slipway.raise("timeout", err.message .. ": nginx's error log says why")
	elseif not ok then
		error(err, 0)
	end
end

---Wait for the end of the requests and connections that the workers from before the reload still had.
---@param options { pid_file?: string, wait_old: number }
function nginx.wait_old(options)
	local master = master_of(options)
	slipway.wait_for{
		what = "nginx: the old workers' last requests", timeout = options.wait_old, interval = 0.1,
		fn = function()
			local left = count(workers_of(master), function(_, worker) return worker.leaving end)
			return left == 0, ("%d workers"):format(left)
		end,
	}
end

return nginx
