-- What the functions written in Lua say about wrong options, as those in C do: function, option, what was expected and
-- what was given. The error is placed where the function that calls this one was called.
local YEAR = 366 * 86400

local function names_of(types)
	local names = {}
	for name in pairs(types) do
		names[#names + 1] = name
	end
	table.sort(names)
	return table.concat(names, ", ")
end

-- What is wrong with a value? nil: nothing. WANT is a type, several ("number or table"), or "seconds".
local function mistake(want, value)
	if want == "seconds" then
		if type(value) ~= "number" then
			return "number", type(value)
		elseif not (value >= 0 and value <= YEAR) then
			return "seconds from 0 to a year", ("%g"):format(value)
		end
	elseif not want:find(type(value), 1, true) then
		return want, type(value)
	end
	return nil
end

-- TYPES: of each option. REQUIRED: a list of those that may not be missing.
return function(fn, options, types, required)
	if type(options) ~= "table" then
		error(("%s: options: table expected, got %s"):format(fn, type(options)), 3)
	end
	for name, value in pairs(options) do
		if not types[name] then
			error(("%s: there is no option '%s', but %s"):format(fn, tostring(name), names_of(types)), 3)
		end
		local expected, got = mistake(types[name], value)
		if expected then
			error(("%s: %s: %s expected, got %s"):format(fn, name, expected, got), 3)
		end
	end
	for _, name in ipairs(required or {}) do
		if options[name] == nil then
			error(("%s: %s: %s expected, got nil"):format(fn, name, types[name]), 3)
		end
	end
end
