---@meta slipway
-- luacheck: ignore 212 (parameters are there to be read)
-- What a hook sees as `slipway`, for editors (LuaLS) and readers. tests/integration/test_lua_library.py compares it
-- with the functions that are really there. docs/lua.md has examples.

---An error of these functions: `tostring(e)` and `..` give "scripts/check.lua:14: message".
---@class slipway.Error
---@field kind string "system" | "timeout" | "unreachable" | "no_space" | "failed" | "fail" | "ended" | one of your own
---@field message string
---@field errno? string "ENOENT", ... when a system call failed
---@field action? string

---@class slipway
---@field event? string the lifecycle event
---@field deployment? string its id
---@field application? string
---@field group? string the deployment group's name
---@field instance? string this host: `instance` of slipway.yml, else its name
---@field region? string `region` of slipway.yml, else AWS_REGION of the agent
---@field archive_dir? string the unpacked bundle that the script comes from; nil for an operator hook without one
---@field previous? string the unpacked bundle of the revision that was installed last; nil on a first deployment
---@field restore boolean the previous revision is being brought back
---@field env table<string, string> the environment
---@field with table<string, any> the arguments of a ready-made hook; else empty
slipway = {}

---Seconds since some moment; never set back.
---@return number
function slipway.clock() end

---What the script does now, for whoever watches the deployment; nothing or "": no more of that. The text is shown
---behind the place of the script's line, and goes into no log. wait_for and retry call it themselves.
---@param text? string
function slipway.doing(text) end

---End the hook as failed.
---@param message string what is wrong
---@param action? string what to do about it
function slipway.fail(message, action) end

---One line on standard output, the arguments with blanks between; `print` is the same.
---@param ... any
function slipway.log(...) end

---Raise an error that retry and wait_for take for a failure of the outside world.
---@param kind string
---@param message string
function slipway.raise(kind, message) end

---@class slipway.Command
---@field [integer] string|number the program and its arguments
---@field shell? string instead of them: a line for /bin/sh
---@field timeout? number seconds; then its process group is ended: TERM, and KILL two seconds later
---@field cwd? string
---@field env? table<string, string>
---@field input? string
---@field check? boolean

---Run a program to its end. `env` is on top of the hook's environment. With `check`, an exit code other than 0 raises.
---@param options slipway.Command
---@return integer code exit code, or 128 and the number of the signal
---@return string out of each stream 1 MiB at most
---@return string err
function slipway.run(options) end

---Show *** instead of this text from here on: in what this and later hooks of the deployment print, in messages and results.
---It is found as it is written, not in other spellings (base64, %XX), and each of its lines by itself.
---@param text string 4 bytes at least
---@return string text the same
function slipway.secret(text) end

---@param seconds number
function slipway.sleep(seconds) end

---@param text string
---@return string digest SHA-256, 64 hexadecimal digits
function slipway.sha256(text) end

---Seconds since 1970, with their fraction; for durations take `clock`.
---@return number
function slipway.time() end

---@class slipway.Notification
---@field url string
---@field text? string sent as { "text": ... } with application, group, deployment and event
---@field payload? table sent instead, as it is
---@field optional? boolean when it fails, that is a line in the log
---@field timeout? number seconds of each try; 10
---@field delay? number seconds before the second try, twice as many before the third; 1
---@field headers? table<string, string>
---@field user? string
---@field password? string
---@field ca? string
---@field unix_socket? string

---Post JSON to a webhook (Slack's, for instance), with three tries. What the server refuses (4xx) is not tried again.
---@param options slipway.Notification
---@return boolean told false: it was optional
function slipway.notify(options) end

---Nothing of this deployment may be undone from here on.
---@param reason string
function slipway.no_restore(reason) end

---Call fn until it returns nothing or something true, at most `tries` (3) times, `delay` (1) seconds apart, each
---time `backoff` (1) times as long. A second result of fn is shown as the reason why not.
---@param options { fn: function, tries?: number, delay?: number, backoff?: number, what?: string }
---@return any ... what fn returned
function slipway.retry(options) end

---Call fn every `interval` (1) seconds until it returns something true, or `timeout` (60) seconds are over. A second
---result of fn is shown as the reason why not. To return nothing at all is an error: a check that forgets its `return`
---would always pass.
---@param options { fn: function, timeout?: number, interval?: number, what?: string }
---@return any ... what fn returned
function slipway.wait_for(options) end

slipway.http = {}

---@class slipway.Answer
---@field status integer
---@field body string "" with `to`
---@field headers table<string, string> names in small letters
---@field json fun(): any the body's value; no JSON raises
---@field excerpt fun(): string the beginning of the body for a message: one line, printable, without secrets

---@class slipway.HttpOptions
---@field headers? table<string, string>
---@field body? string one of these three goes along
---@field json? any sent as JSON
---@field form? table<string, string|number> sent as a form
---@field expect? integer|integer[] another status raises
---@field to? string absolute path: a file that the body goes to, whole or not at all; what is not expected (2xx) raises
---@field timeout? number seconds for all of it; 30
---@field connect_timeout? number seconds of that, until there is a connection; 10
---@field max_body? number bytes of the answer; 16 MiB, with `to` 1 GiB
---@field redirects? integer 5 for GET and HEAD, else 0: then a redirect is an answer like others
---@field user? string
---@field password? string goes to that host only; is a secret from here on
---@field ca? string file of the certificates to trust (PEM) instead of the host's
---@field unix_socket? string path of the socket where the server listens

---@class slipway.HttpRequest: slipway.HttpOptions
---@field url string
---@field method? "GET"|"HEAD"|"POST"|"PUT"|"PATCH"|"DELETE"|"OPTIONS"

---@param url string
---@param options? slipway.HttpOptions
---@return slipway.Answer
function slipway.http.delete(url, options) end

---Any answer is a result, also 404 and 503, unless `expect` says otherwise; none at all raises. Certificates are verified.
---@param url string
---@param options? slipway.HttpOptions
---@return slipway.Answer
function slipway.http.get(url, options) end

---@param url string
---@param options? slipway.HttpOptions
---@return slipway.Answer
function slipway.http.head(url, options) end

---@param url string
---@param options? slipway.HttpOptions
---@return slipway.Answer
function slipway.http.post(url, options) end

---@param url string
---@param options? slipway.HttpOptions
---@return slipway.Answer
function slipway.http.put(url, options) end

---@param options slipway.HttpRequest
---@return slipway.Answer
function slipway.http.request(options) end

---@class slipway.HttpWait
---@field expect? integer|integer[] 200
---@field json? fun(value: any): boolean, string? is it what the answer should say? If not, why?
---@field timeout? number 60 seconds
---@field interval? number 1 second
---@field headers? table<string, string>
---@field user? string
---@field password? string
---@field ca? string
---@field unix_socket? string

---GET until the answer's status is `expect` and, with `json`, its value is as it should be.
---@param url string
---@param options? slipway.HttpWait
---@return slipway.Answer
function slipway.http.wait(url, options) end

---The runtime API of an HAProxy 2.6 or later. Nothing is connected before a method is called; each call is a connection.
slipway.haproxy = {}

---@class slipway.HaproxyServer
---@field name string
---@field op "up"|"down"|"starting"|"stopping" what its health checks say; "up" without any
---@field admin "ready"|"drain"|"maint" what was ordered
---@field weight integer
---@field sessions integer those it has and those that wait for it

---@class slipway.Haproxy servers are named "backend/server"; what HAProxy refuses is an error with its own words
local haproxy = {} -- luacheck: ignore 241

---Any command of the runtime API, for what has no method here.
---@param text string one line
---@return string answer as it came
function haproxy:command(text) end

---No new sessions; then wait until it has none, every `interval` (0.2) seconds, for `timeout` (60) seconds.
---@param server string
---@param options? { wait?: boolean, timeout?: number, interval?: number }
function haproxy:drain(server, options) end

---No sessions and no health checks.
---@param server string
function haproxy:maint(server) end

---@param file string the map, as the configuration names it
---@param key string
---@return string? value nil: there is no such key
function haproxy:map_get(file, key) end

---With `file`, the file itself is written too, and first, so that a restart changes nothing. With `backend`, the value
---must be the name of a backend that is there.
---@param file string the map, as the configuration names it
---@param key string one that is not there is added
---@param value string
---@param options? { file?: boolean, backend?: boolean }
function haproxy:map_set(file, key, value, options) end

---Sessions again; then wait until it is up, every `interval` (0.2) seconds, for `timeout` (60) seconds.
---@param server string
---@param options? { wait?: boolean, timeout?: number, interval?: number }
function haproxy:ready(server, options) end

---@param backend string
---@return slipway.HaproxyServer[]
function haproxy:servers(backend) end

---@param server string
---@return integer count
function haproxy:sessions(server) end

---@param server string
---@return slipway.HaproxyServer
function haproxy:state(server) end

---@param server string
---@param weight integer 0 to 256
function haproxy:weight(server, weight) end

---Either the path of its socket, or host and port. Timeout of each command: 10 seconds.
---@param options { socket?: string, host?: string, port?: integer|string, timeout?: number }
---@return slipway.Haproxy
function slipway.haproxy.open(options) end

slipway.json = {
	---@type lightuserdata JSON's null
	null = nil,
}

---Mark a table as a list, so that it is [] when it is empty.
---@param list table
---@return table list
function slipway.json.array(list) end

---@param text string at most 4 MiB
---@return any
function slipway.json.decode(text) end

---@param value any
---@return string text at most 4 MiB; keys in their order
function slipway.json.encode(value) end

---Files of the host, with the rights of the hook. Paths are absolute. Links on the way are followed; where the name itself
---is one, each function says what it does.
slipway.fs = {}

---@param path string absolute; not a link
---@param mode string octal digits, "0640"
function slipway.fs.chmod(path, mode) end

---Of a link itself.
---@param path string absolute
---@param owner? string|integer a name or a number; nil: stays
---@param group? string|integer
function slipway.fs.chown(path, owner, group) end

---A file with its mode, in place of what file is there: whole or not at all.
---@param from string absolute; a link is followed
---@param to string absolute
function slipway.fs.copy(from, to) end

---@param path string absolute
---@return boolean there false for a link that leads nowhere
function slipway.fs.exists(path) end

---What fits a pattern with `*`, `?` and `[...]`, which match no slash and no leading dot. What may not be looked into is
---passed over.
---@param pattern string absolute
---@return string[] paths sorted
function slipway.fs.glob(pattern) end

---@param path string absolute
---@return string[] names sorted, without "." and ".."
function slipway.fs.list(path) end

---@class slipway.Lock goes back when it is released, with a variable `<close>`, and with the script
local lock = {} -- luacheck: ignore 241

---Twice is fine.
function lock:release() end

---Wait up to `timeout` (60) seconds until no other process holds the lock of this file, which is made when it is not there
---and stays. On a shared file system that passes locks on, hosts exclude one another, too.
---@param path string absolute; not a link
---@param options? { timeout?: number }
---@return slipway.Lock
function slipway.fs.lock(path, options) end

---With `parents`, missing ones are made and a folder that is there is fine. The mode is "0755" when not given.
---@param path string absolute
---@param options? { parents?: boolean, mode?: string }
function slipway.fs.mkdir(path, options) end

---@param path string absolute; a link is followed
---@param options? { max?: number } bytes; 8 MiB when not given
---@return string
function slipway.fs.read(path, options) end

---@param path string absolute
---@return string target as the link has it
function slipway.fs.readlink(path) end

---A file, a link or an empty folder; with `recursive` a folder and all below it, never through a link. "/" is refused.
---@param path string absolute
---@param options? { recursive?: boolean }
---@return boolean removed false: it was not there
function slipway.fs.remove(path, options) end

---On one file system. A file or link at `to` is replaced.
---@param from string absolute
---@param to string absolute
function slipway.fs.rename(from, to) end

---@param path string absolute; a link is followed
---@return string digest of a file: SHA-256, 64 hexadecimal digits
function slipway.fs.sha256(path) end

---@class slipway.Stat
---@field type "file"|"directory"|"link"|"fifo"|"socket"|"device"
---@field size integer bytes
---@field mode string four octal digits, "0644"
---@field uid integer
---@field gid integer
---@field owner? string nil: the number has no name
---@field group? string
---@field mtime number seconds since 1970

---@param path string absolute
---@param options? { follow?: boolean } false: of a link itself
---@return slipway.Stat? nil: there is nothing
function slipway.fs.stat(path, options) end

---Make a link, or swap one that is there in a single step. A file or folder in its place is an error.
---@param target string
---@param path string absolute
function slipway.fs.symlink(target, path) end

---`{{name}}` becomes the text or number vars.name; `{{{{` becomes `{{`. A name without a value is an error. With `to`, the
---result is written there as `write` does, unless the file is just so already.
---@param options { from?: string, text?: string, vars: table<string, string|number>, to?: string, mode?: string }
---@return string text
---@return boolean? changed with `to`: was it written?
function slipway.fs.template(options) end

---Write aside, flush, rename: nobody ever sees half of it. Mode and, where that is allowed, owner stay those the file has;
---a new one gets "0644".
---@param path string absolute; not a link
---@param text string
---@param options? { mode?: string } "0640"
function slipway.fs.write(path, text, options) end

---An nginx on this host. `conf`, `prefix` and `program` are for one that is not at the usual place.
slipway.nginx = {}

---@class slipway.NginxReload
---@field conf? string
---@field prefix? string
---@field program? string
---@field pid_file? string "/run/nginx.pid" when not given
---@field timeout? number seconds for the new workers to come; 30 when not given
---@field wait_old? number seconds for the old ones to end; nil: do not wait for that

---@class slipway.NginxInclude: slipway.NginxReload
---@field path string
---@field content string

---Write a file that the configuration includes, test the configuration, and reload. When nginx does not take it, the file is
---put back as it was, and the error is nginx's.
---@param options slipway.NginxInclude
---@return boolean changed false: it was just so already, and nothing was reloaded
function slipway.nginx.include(options) end

---Test the configuration, let nginx take it over and wait until new workers serve; with `wait_old`, until the old ones
---have ended, too.
---@param options? slipway.NginxReload
function slipway.nginx.reload(options) end

---Is the configuration fine? If not, the error is nginx's, with its line.
---@param options? { conf?: string, prefix?: string, program?: string }
---@return string said perhaps warnings
function slipway.nginx.test(options) end

---Unix and TCP sockets for protocols of lines.
slipway.socket = {}

---@class slipway.Connection each call takes `timeout` seconds at most; it is closed with a variable `<close>`, too
local connection = {} -- luacheck: ignore 241

---Everything until the other side ends, 16 MiB at most.
---@return string text perhaps ""
function connection:all() end

---Twice is fine.
function connection:close() end

---The next line without its end; 64 KiB at most.
---@return string? line nil: the other side has ended
function connection:line() end

---@param count integer
---@return string? bytes so many, fewer when the other side ends; nil: it has ended
function connection:read(count) end

---@param text string
---@return slipway.Connection
function connection:send(text) end

---Either the path of a Unix socket, or host and port; every address of the host is tried. Timeout: 30 seconds.
---@param options { path?: string, host?: string, port?: integer|string, timeout?: number }
---@return slipway.Connection
function slipway.socket.connect(options) end

---Until somebody listens there: asks every `interval` (1) seconds, for `timeout` (60) seconds.
---@param options { path?: string, host?: string, port?: integer|string, timeout?: number, interval?: number }
function slipway.socket.wait(options) end

---The service manager, by D-Bus. A unit's name without a suffix is that of a service. Timeouts are 90 seconds when not
---given; a job that was waited for in vain goes on. A job that ends otherwise than done raises, with the unit's state.
slipway.systemd = {}

---Let systemd read its own files again.
---@param options? { timeout?: number }
function slipway.systemd.daemon_reload(options) end

---No longer start it at boot; it is not stopped.
---@param unit string
---@param options? { timeout?: number }
---@return boolean changed false: it was not enabled
function slipway.systemd.disable(unit, options) end

---Start it at boot; it is not started now.
---@param unit string
---@param options? { timeout?: number }
---@return boolean changed false: it was enabled
function slipway.systemd.enable(unit, options) end

---@param unit string
---@return boolean active
---@return string state ActiveState: "active", "reloading", "inactive", "failed", "activating", "deactivating"
function slipway.systemd.is_active(unit) end

---@param unit string
---@return boolean enabled as `systemctl is-enabled` tells: "static" is, too
---@return string state UnitFileState: "enabled", "disabled", "static", "masked", ...; "not-found"
function slipway.systemd.is_enabled(unit) end

---@param unit string that is active
---@param options? { timeout?: number }
function slipway.systemd.reload(unit, options) end

---@param unit string
function slipway.systemd.reset_failed(unit) end

---@param unit string
---@param options? { timeout?: number }
function slipway.systemd.restart(unit, options) end

---Until the unit is started: what that means is its Type's business.
---@param unit string
---@param options? { timeout?: number }
function slipway.systemd.start(unit, options) end

---@class slipway.UnitStatus
---@field unit string its complete name
---@field load string LoadState: "loaded", "not-found", "masked", ...
---@field active string ActiveState
---@field sub string SubState: "running", "exited", "auto-restart", ...
---@field result? string Result: "success", "exit-code", "signal", "timeout", ...
---@field main_pid? integer
---@field exit_code? integer of the main process that ended last: exit code, or 128 and the number of the signal
---@field since? number seconds since 1970: so long it has been as `active` says

---@param unit string one that is not there has load = "not-found"
---@return slipway.UnitStatus
function slipway.systemd.status(unit) end

---@param unit string
---@param options? { timeout?: number }
function slipway.systemd.stop(unit, options) end

---Restart it if it runs, else nothing.
---@param unit string
---@param options? { timeout?: number }
function slipway.systemd.try_restart(unit, options) end

---Look every `interval` (0.5) seconds until the unit is active, and has been so without a break for `settle` (0) seconds; for
---`timeout` (60) seconds. One that has failed, or is not there, is an error at once.
---@param unit string
---@param options? { timeout?: number, settle?: number, interval?: number }
function slipway.systemd.wait_active(unit, options) end

---YAML 1.1 as appspecs are read: 0755 is octal, yes is true.
slipway.yaml = {}

---The first document. Keys are the texts they were written with ("8080", "on"); null is slipway.json.null.
---@param text string at most 256 KiB
---@return any
function slipway.yaml.decode(text) end

---What another reader might take for something else is quoted.
---@param value any as for slipway.json.encode
---@return string text at most 256 KiB; keys in their order
function slipway.yaml.encode(value) end

---Only there in tests of hooks: `slipway hook --test`. docs/lua.md, "Testing a hook", has examples.
slipway.test = {}

---A case: a process and a Lua state of its own. The file is loaded anew for each.
---@param name string
---@param fn function
function slipway.test.case(name, fn) end

---@class slipway.test.Options
---@field event? string "ValidateService" when not given
---@field env? table<string, string|number|boolean>
---@field application? string
---@field group? string
---@field deployment? string
---@field instance? string
---@field region? string
---@field previous? string slipway.previous
---@field restore? boolean
---@field with? table of slipway.test.use: the hook's arguments

---@class slipway.test.Result
---@field ok boolean
---@field code integer the exit code
---@field message? string why it failed, with its place
---@field action? string what slipway.fail advises
---@field trace? string
---@field log string[] the lines of slipway.log and print
---@field doing? string the last text of slipway.doing
---@field no_restore? string the reason of slipway.no_restore

---Run a hook of the bundle as the agent would, but for what stands in for the world.
---@param location string as in an appspec, "scripts/check.lua"
---@param options? slipway.test.Options
---@return slipway.test.Result
function slipway.test.hook(location, options) end

---The same with a ready-made hook.
---@param name string as behind `use:`, "http-check"
---@param options? slipway.test.Options
---@return slipway.test.Result
function slipway.test.use(name, options) end

---fake.http.get(url, answer), fake.run({ ... }, answer), fake("systemd.restart", unit, answer): the last value is the
---answer to calls whose first arguments are the other values. Of a table the call needs the fields that are given, and all
---items of a list; a function decides itself. A later fake goes before an earlier one. An answer may be a function of the
---call's arguments; what it returns is the answer.
---run: { code = 0, out = "", err = "" }. http: { status = 200, body = "" (a table becomes JSON), headers = {} }.
---socket.connect: { ["line sent"] = "text that comes back" }, or a function of the line. All else: what the call returns.
---A call that the library would refuse is refused all the same. There is no fake for what is real in tests: slipway.fs and
---what only computes.
---@class slipway.test.Fake
---@field [string] slipway.test.Fake
---@overload fun(...: any)
slipway.test.fake = {}

---@param ... any answers, one after the other; the last one stays
---@return table answer
function slipway.test.in_turn(...) end

---@param kind string "unreachable", "timeout", ...
---@param message string
---@return table answer an error as the library raises it
function slipway.test.error(kind, message) end

---@param ... any
---@return table answer several results
function slipway.test.values(...) end

---The calls that hooks have made of a function: lists of arguments.
---@param name string "http.get"
---@return any[][]
function slipway.test.calls(name) end

---Seconds that hooks have slept since the case began: their clock.
---@return number
function slipway.test.clock() end

---Let time pass.
---@param seconds number
function slipway.test.advance(seconds) end

---An empty folder, gone again after the case.
---@return string path
function slipway.test.folder() end

---Fail unless the value is true; of a hook that failed, say why.
---@param value any
---@param what? string
---@return any value
function slipway.test.ok(value, what) end

---Tables are compared by what is in them.
---@param got any
---@param want any
---@param what? string
---@return any got
function slipway.test.equal(got, want, what) end

---@param text any
---@param part string as it stands
---@param what? string
---@return string text
function slipway.test.contains(text, part, what) end

---@param text any
---@param pattern string a Lua pattern
---@param what? string
---@return string text
function slipway.test.matches(text, pattern, what) end

---The hook must have failed, or the function must raise.
---@param what slipway.test.Result|function
---@param part? string what the message must hold
---@return string message
function slipway.test.fails(what, part) end
