-- Runs in the state of a hook under test, before the hook: puts functions that ask the test in place of those that reach
-- outside. What is written in Lua on top of them (wait_for, http.wait, ...) stays as it is.
local ask, hide = ...

-- What stays as it is: it touches nothing but files. All else that is in C (there from the beginning; what is in Lua is
-- loaded when it is first asked for) reaches outside, until somebody says otherwise here.
local INSIDE = {
	env = true, fail = true, fs = true, json = true, raise = true, secret = true, sha256 = true, with = true, yaml = true,
}

local function stand_in(name)
	return function(...)
		local results = table.pack(ask(name, ...))
		local object = results[1]
		if type(object) == "table" and type(object.close) == "function" then
			setmetatable(object, { __close = object.close })
		end
		return table.unpack(results, 1, results.n)
	end
end

-- NAME: "http.get"
local function replace(name, fn)
	local where = slipway
	for part in name:gmatch("([^.]+)%.") do
		if type(where[part]) ~= "table" then
			rawset(where, part, {})
		end
		where = where[part]
	end
	rawset(where, name:match("[^.]+$"), fn)
end

local function add_logging()
	local function log(...)
		local words = table.pack(...)
		for i = 1, words.n do
			words[i] = tostring(words[i])
		end
		ask("log", hide(table.concat(words, " ")))
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

local function add_http()
	slipway.http.request = function(options)
		local rest = {}
		for name, value in pairs(options) do
			rest[name] = name ~= "url" and name ~= "method" and value or nil
		end
		return slipway.http[(options.method or "GET"):lower()](options.url, rest)
	end
end

local function replace_all(t, prefix)
	for name, value in pairs(t) do
		if INSIDE[prefix .. name] then
			goto continue
		elseif type(value) == "function" then
			t[name] = stand_in(prefix .. name)
		elseif type(value) == "table" then
			replace_all(value, prefix .. name .. ".")
		end
		::continue::
	end
end

replace_all(slipway, "")
add_http()
add_logging()
add_time()
for _, name in ipairs(ask()) do
	if name ~= "log" then
		replace(name, stand_in(name))
	end
end
