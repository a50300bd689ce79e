-- Runs in the state of a hook under test, before the hook: who answers in place of the world. Functions in C look at
-- their arguments as ever, then ask what is in the table returned here (script_stands_in). Those in Lua (wait_for,
-- http.wait, ...) do what they always do on top of these, unless a fake is for them: then a rehearsal tells whether
-- they would have refused.
local ask, hide, real = ...

-- Raised where a function would begin to act. The library passes on an error of this kind whatever it is doing.
local BEGUN = { kind = "ended" }
local harmless = { clock = 0, time = 0, doing = "", log = "" } -- what these give while it rehearses
local rehearsing = false

local function answer(name, ...)
	if rehearsing then
		return harmless[name] or error(BEGUN, 0)
	end
	local results = table.pack(ask(name, ...))
	local object = results[1]
	if type(object) == "table" and type(object.close) == "function" then
		setmetatable(object, { __close = object.close })
	end
	return table.unpack(results, 1, results.n)
end

local stand_ins = {}

local function add_all(t, prefix)
	for name, value in pairs(t) do
		local whole = prefix .. name
		if type(value) == "function" and not real[whole] then
			stand_ins[whole] = function(...)
				return answer(whole, ...)
			end
		elseif type(value) == "table" and not real[whole] then
			add_all(value, whole .. ".")
		end
	end
end

local function begin()
	error(BEGUN, 0)
end

-- Raise what FN has to say against these arguments; it does not get further than that.
local function rehearse(fn, where, ...)
	local arguments, fs = table.pack(...), slipway.fs
	for i = 1, arguments.n do
		local options = arguments[i]
		if type(options) == "table" and type(options.fn) == "function" then
			local copy = {}
			for name, value in pairs(options) do
				copy[name] = value
			end
			copy.fn = begin
			arguments[i] = copy
		end
	end
	rehearsing = true
	slipway.fs = setmetatable({}, { __index = function() return begin end }) -- luacheck: ignore 122
	local ok, err = pcall(fn, table.unpack(arguments, 1, arguments.n))
	slipway.fs = fs -- luacheck: ignore 122
	rehearsing = false
	if ok or rawequal(err, BEGUN) then
		return
	elseif type(err) == "string" and err:sub(1, #where) ~= where then
		err = where .. err -- it looked for the line of its caller, which was pcall
	end
	error(err, 0)
end

-- NAME: "http.wait"; one that is not there ("http.patch") is only asked for by another one.
local function replace(name)
	local where = slipway
	for part in name:gmatch("([^.]+)%.") do
		where = where[part]
	end
	local last = name:match("[^.]+$")
	local fn = where[last]
	where[last] = fn and function(...)
		if rehearsing then -- of one that is built on this one
			return fn(...)
		end
		local _, place = pcall(error, "", 3) -- "scripts/check.lua:14: "
		rehearse(fn, place, ...)
		return answer(name, ...)
	end
end

local function add_logging()
	local function log(...)
		local words = table.pack(...)
		for i = 1, words.n do
			words[i] = tostring(words[i])
		end
		answer("log", hide(table.concat(words, " ")))
	end
	print, slipway.log = log, log -- luacheck: ignore 121
end

local function add_time()
	local date, time = os.date, os.time
	os.time = function(t) -- luacheck: ignore 122
		return t and time(t) or math.floor(slipway.time())
	end
	os.date = function(format, t) -- luacheck: ignore 122
		return date(format, t or math.floor(slipway.time()))
	end
end

add_all(slipway, "")
stand_ins["http.request"] = function(options)
	local rest = {}
	for name, value in pairs(options) do
		rest[name] = name ~= "url" and name ~= "method" and value or nil
	end
	return answer("http." .. (options.method or "GET"):lower(), options.url, rest)
end
add_logging()
add_time()
for _, name in ipairs(ask()) do
	if not stand_ins[name] then
		replace(name)
	end
end
return stand_ins
