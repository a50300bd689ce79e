-- slipway.test: what a test of hooks is written with. Documented in lua/slipway.d.lua and docs/lua.md.
local native = ...
local compare, fakes = native.compare, native.fakes
local t = {
	in_turn = fakes.in_turn, error = fakes.error, values = fakes.values,
	clock = fakes.clock, advance = fakes.advance, folder = native.folder,
}
local count = 0

local function failed(what, text)
	slipway.fail((what and what .. ": " or "") .. text)
end

local function expect(fn, argument, kind, value)
	if type(value) ~= kind then
		failed("slipway.test." .. fn, ("%s: %s expected, got %s"):format(argument, kind, type(value)))
	end
end

function t.case(name, fn)
	expect("case", "name", "string", name)
	expect("case", "fn", "function", fn)
	local index = count
	count = count + 1
	if native.found(name, index) then
		fn()
	end
end

-- t.fake.http.get(...) and t.fake("http.get", ...)
local function path(name)
	return setmetatable({}, {
		__index = function(_, key)
			return path(name and name .. "." .. key or key)
		end,
		__call = function(_, first, ...)
			if name then
				fakes.check_name("slipway.test.fake", name)
				return fakes.add(name, first, ...)
			end
			expect("fake", "name", "string", first)
			fakes.check_name("slipway.test.fake", first)
			if select("#", ...) == 0 then
				failed("slipway.test.fake", first .. ": an answer expected, got nothing")
			end
			return fakes.add(first, ...)
		end,
	})
end
t.fake = path()

function t.calls(name)
	expect("calls", "name", "string", name)
	return fakes.calls(name)
end

-- How options of t.hook reach the hook.
local variables = {
	event = "LIFECYCLE_EVENT", application = "APPLICATION_NAME", group = "DEPLOYMENT_GROUP_NAME",
	deployment = "DEPLOYMENT_ID", instance = "SLIPWAY_INSTANCE", region = "SLIPWAY_REGION",
	previous = "SLIPWAY_PREVIOUS_ARCHIVE_DIR",
}

local function environment(fn, options)
	local list = {}
	local function put(name, value)
		list[#list + 1] = name .. "=" .. value
	end
	for name, value in pairs(options) do
		if name == "restore" then
			put("SLIPWAY_RESTORE", value and "1" or "")
		elseif variables[name] then
			expect(fn, name, "string", value)
			put(variables[name], value)
		elseif name ~= "env" and name ~= "with" then
			failed("slipway.test." .. fn, ("there is no option '%s'"):format(tostring(name)))
		end
	end
	expect(fn, "env", "table", options.env or {})
	for name, value in pairs(options.env or {}) do
		put(name, tostring(value))
	end
	return list
end

local function run(location, use, list)
	fakes.result, fakes.broken = { log = {} }, nil
	local result = native.hook(location, use, list, fakes.answer, fakes.functions)
	if fakes.broken then
		slipway.fail(fakes.broken)
	end
	for name, value in pairs(fakes.result) do
		result[name] = value
	end
	return result
end

function t.hook(location, options)
	expect("hook", "location", "string", location)
	expect("hook", "options", "table", options or {})
	return run(location, nil, environment("hook", options or {}))
end

function t.use(name, options)
	options = options or {}
	expect("use", "name", "string", name)
	expect("use", "options", "table", options)
	expect("use", "with", "table", options.with or {})
	local words, list = {}, environment("use", options)
	for argument, value in pairs(options.with or {}) do
		local text = type(value) == "string" and value or slipway.json.encode(value)
		words[#words + 1] = argument .. "=" .. text
	end
	list[#list + 1] = "SLIPWAY_WITH=" .. native.with(name, words)
	return run("use: " .. name, name, list)
end

-- A hook that did not succeed says why.
function t.ok(value, what)
	if type(value) == "table" and value.ok == false and value.message then
		failed(what, "the hook failed: " .. value.message)
	elseif not value then
		failed(what, ("something true expected, got %s"):format(compare.show(value)))
	end
	return value
end

function t.equal(got, want, what)
	local where, a, b = compare.difference(got, want)
	if where and where ~= "" then
		failed(what, ("at %s: expected %s, got %s"):format(where, compare.show(b), compare.show(a)))
	elseif where then
		failed(what, ("expected %s, got %s"):format(compare.show(b), compare.show(a)))
	end
	return got
end

function t.contains(text, part, what)
	expect("contains", "part", "string", part)
	if type(text) ~= "string" or not text:find(part, 1, true) then
		failed(what, ("a text with %s expected, got %s"):format(compare.show(part), compare.show(text)))
	end
	return text
end

function t.matches(text, pattern, what)
	expect("matches", "pattern", "string", pattern)
	if type(text) ~= "string" or not text:find(pattern) then
		failed(what, ("a text that fits the pattern %s expected, got %s"):format(compare.show(pattern), compare.show(text)))
	end
	return text
end

-- Of a hook's result, or of a function that is called.
function t.fails(what, part)
	local message
	if type(what) == "function" then
		local ok, err = pcall(what)
		message = not ok and (type(err) == "table" and err.message or tostring(err))
	elseif type(what) == "table" then
		message = not what.ok and (what.message or "")
	else
		expect("fails", "what", "function or result", what)
	end
	if not message then
		failed(nil, "a failure expected, but it succeeded")
	end
	return part and t.contains(message, part) or message
end

return t
