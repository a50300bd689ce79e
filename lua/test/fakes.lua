-- What a hook under test reaches instead of the world: answers to its calls, and a clock that only sleeping moves.
local native = ...
local compare, answers, real = native.compare, native.answers, native.real

local M = { broken = nil }

local fakes, calls = {}, {} -- by the name of a function, "http.get"
local functions = {} -- those that may cross to the hook, and their numbers
local begun, passed = slipway.time(), 0

-- Marks of the special answers.
local IN_TURN, ERROR, VALUES = {}, {}, {}

function M.in_turn(...)
	return { mark = IN_TURN, next = 1, list = table.pack(...) }
end

function M.error(kind, message)
	return { mark = ERROR, kind = kind, message = message }
end

function M.values(...)
	return { mark = VALUES, list = table.pack(...) }
end

function M.clock()
	return passed
end

function M.advance(seconds)
	passed = passed + seconds
end

-- Can there be calls of NAME that ask us? FN ("slipway.test.fake") is for messages.
function M.check_name(fn, name)
	local found = slipway
	for part in name:gmatch("[^.]+") do
		found = type(found) == "table" and found[part] or nil
	end
	if real[name] or real[name:match("^[^.]*")] then
		slipway.fail(("%s: there is no fake for %s, which is real in tests%s"):format(fn, name,
			name:find("^fs%.") and ": give the hook paths below slipway.test.folder()" or ""))
	elseif name == "http.request" then
		slipway.fail(("%s: http.request arrives as http.get, http.post, ...: name that one"):format(fn))
	elseif type(found) ~= "function" and not answers[name] and name ~= "no_restore" then
		slipway.fail(("%s: there is no function slipway.%s"):format(fn, name))
	end
end

-- The last of the values is the answer; those before it say which calls it is for.
function M.add(name, ...)
	local values = table.pack(...)
	local fake = { answer = values[values.n], n = values.n - 1 }
	for i = 1, fake.n do
		fake[i] = values[i]
	end
	fakes[name] = fakes[name] or {}
	table.insert(fakes[name], fake)
end

function M.calls(name)
	M.check_name("slipway.test.calls", name)
	return calls[name] or {}
end

-- What happens where no fake says otherwise.
local defaults = {
	log = function(text)
		native.said(text)
		table.insert(M.result.log, text)
	end,
	doing = function(text)
		M.result.doing = text
	end,
	no_restore = function(reason)
		M.result.no_restore = reason
	end,
	sleep = function(seconds)
		passed = passed + math.max(seconds, 0.001) -- what asks again at once must come to an end, too
	end,
	clock = function()
		return passed
	end,
	time = function()
		return begun + passed
	end,
}

local function find(name, arguments)
	local list = fakes[name] or {}
	for i = #list, 1, -1 do
		local fits = true
		for k = 1, list[i].n do
			fits = fits and compare.fits(list[i][k], arguments[k])
		end
		if fits then
			return list[i]
		end
	end
	return nil
end

local function unexpected(name, arguments)
	local lines = { ("unexpected call, for which there is no fake: %s"):format(compare.show_call(name, arguments)) }
	for _, fake in ipairs(fakes[name] or {}) do
		lines[#lines + 1] = "  there is one for " .. compare.show_call(name, fake)
	end
	return table.concat(lines, "\n")
end

local function give(name, answer, arguments)
	local mark = type(answer) == "table" and answer.mark
	if mark == IN_TURN then
		local one = answer.list[answer.next]
		answer.next = math.min(answer.next + 1, answer.list.n)
		return give(name, one, arguments)
	elseif mark == ERROR then
		slipway.raise(answer.kind, answer.message)
	elseif mark == VALUES then
		return table.unpack(answer.list, 1, answer.list.n)
	elseif type(answer) == "function" and name ~= "socket.connect" then
		return give(name, answer(table.unpack(arguments, 1, arguments.n)), arguments)
	elseif answers[name] then
		return answers[name](answer, table.unpack(arguments, 1, arguments.n))
	end
	return answer
end

local function call(name, ...)
	local arguments = table.pack(...)
	local fake = find(name, arguments)
	calls[name] = calls[name] or {}
	table.insert(calls[name], arguments)
	if fake then
		return give(name, fake.answer, arguments)
	elseif defaults[name] then
		return defaults[name](...)
	end
	error(unexpected(name, arguments), 0)
end

-- Functions among what the hook gets can be called by it.
local function remember(value, depth)
	if type(value) == "function" and not functions[value] then
		functions[#functions + 1] = value
		functions[value] = #functions
	elseif type(value) == "table" and depth < 20 then
		for _, inner in pairs(value) do
			remember(inner, depth + 1)
		end
	end
end

-- An error of the library's is meant for the hook; any other is a mistake in the test or an assertion that failed.
local function outcome(place, ok, ...)
	if ok then
		remember({ ... }, 1)
		return true, ...
	end
	local err = ...
	if type(err) == "table" and err.kind and err.kind ~= "fail" and err.kind ~= "ended" then
		return false, err.kind, err.message
	end
	M.broken = M.broken or ("%s%s"):format(place ~= "" and place .. ": " or "", tostring(err))
	return false, "ended", M.broken
end

-- Asked by the hook: number 0 is a call by name, any other one of our functions.
function M.answer(place, number, ...)
	if number == 0 and ... == nil then
		local names = {}
		for name in pairs(fakes) do
			names[#names + 1] = name
		end
		return true, names
	elseif number == 0 then
		return outcome(place, pcall(call, ...))
	end
	return outcome(place, pcall(functions[number], ...))
end

M.functions = functions
return M
