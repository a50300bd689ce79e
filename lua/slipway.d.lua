---@meta slipway
-- luacheck: ignore 212 (parameters are there to be read)
-- What a hook sees as `slipway`, for editors (LuaLS) and readers. tests/integration/test_lua.py compares it with the
-- functions that are really there. docs/lua.md has examples.

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
---@field archive_dir string the unpacked bundle that the script comes from
---@field previous? string the unpacked bundle of the revision that was installed last; nil on a first deployment
---@field restore boolean the previous revision is being brought back
---@field env table<string, string> the environment
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
function slipway.log(...) end

---Raise an error that retry and wait_for take for a failure of the outside world.
---@param kind string
---@param message string
function slipway.raise(kind, message) end

---@class slipway.Command
---@field [integer] string|number the program and its arguments
---@field shell? string instead of them: a line for /bin/sh
---@field timeout? number seconds; then it and all it started is ended
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

---@param seconds number
function slipway.sleep(seconds) end

---Nothing of this deployment may be undone from here on.
---@param reason string
function slipway.no_restore(reason) end

---Call fn until it returns nothing or something true, at most `tries` (3) times, `delay` (1) seconds apart, each
---time `backoff` (1) times as long.
---@param options { fn: function, tries?: number, delay?: number, backoff?: number, what?: string }
---@return any ... what fn returned
function slipway.retry(options) end

---Call fn every `interval` (1) seconds until it returns nothing or something true, or `timeout` (60) seconds are over.
---A second result of fn is shown as the reason why not.
---@param options { fn: function, timeout?: number, interval?: number, what?: string }
---@return any ... what fn returned
function slipway.wait_for(options) end

slipway.http = {}

---@class slipway.Answer
---@field status integer
---@field body string
---@field headers table<string, string> names in small letters

---Any answer is a result, also 404 and 503; none at all raises. Certificates are verified.
---@param url string
---@param options? { timeout?: number, headers?: table<string, string>, max_body?: number, redirects?: number }
---@return slipway.Answer
function slipway.http.get(url, options) end

---Ask until the answer's status is `expect` (200), every `interval` (1) seconds, for `timeout` (60) seconds.
---@param url string
---@param options? { expect?: number, timeout?: number, interval?: number, headers?: table<string, string> }
---@return slipway.Answer
function slipway.http.wait(url, options) end

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
---@return string text keys in their order
function slipway.json.encode(value) end

slipway.fs = {}

---@param path string absolute
---@param options? { max?: number } bytes; 8 MiB when not given
---@return string
function slipway.fs.read(path, options) end

---Write aside, flush, rename: nobody ever sees half of it. The mode is the one the file has, 0644 for a new one.
---@param path string absolute
---@param text string
---@param options? { mode?: string } "0640"
function slipway.fs.write(path, text, options) end
