-- What the functions written in Lua say about wrong arguments and options, in the words of those in C: "slipway.retry:
-- tries: number expected, got string", placed at the line of the script. FN is always the function the script has called.
local misuse = require "slipway.internal.misuse" ---@type fun(text: string) in C: knows which line is the script's own

local YEAR = 366 * 86400

local function is_port(value)
	return type(value) == "string" or math.type(value) == "integer" and value >= 1 and value <= 65535
end

---@class slipway.internal.Kind what must be more than of a type of Lua
---@field types string that type, or several
---@field expected string
---@field fits fun(value: any): any is it that? Asked when the type is right

---@type table<string, slipway.internal.Kind>
local kinds = {
	seconds = { types = "number", expected = "seconds from 0 to a year", fits = function(v) return v >= 0 and v <= YEAR end },
	timeout = {
		types = "number", expected = "more than 0 seconds, at most a year", fits = function(v) return v > 0 and v <= YEAR end,
	},
	path = { types = "string", expected = "absolute path", fits = function(v) return v:find("^/[^\0]*$") end },
	mode = {
		types = "string", expected = "octal digits in a string (\"0640\")",
		fits = function(v) return v:find("^0?[0-7][0-7][0-7][0-7]?$") end,
	},
	port = { types = "number|string", expected = "1 to 65535 or a name", fits = is_port },
}

local check = {}

-- A value of the right type is shown itself, so that it can be found in the script.
local function shown(value)
	return type(value) == "string" and ("'%s'"):format(value) or tostring(value)
end

---Raise: what is given as the option or argument NAME is not of the type, or types, expected.
---@param fn string
---@param name string
---@param expected string
---@param got any
function check.wrong_type(fn, name, expected, got)
	misuse(("%s: %s: %s expected, got %s"):format(fn, name, expected, type(got)))
end

---Raise: it is of the right type, but not what was expected.
---@param fn string
---@param name string
---@param expected string
---@param got any
function check.wrong_value(fn, name, expected, got)
	misuse(("%s: %s: %s expected, got %s"):format(fn, name, expected, shown(got)))
end

---Raise unless VALUE is of one of the types, or of the kind, in WANT: "string", "number|table", "seconds". One with "?"
---behind it may be missing.
---@param fn string
---@param name string
---@param value any
---@param want string
function check.argument(fn, name, value, want)
	if value == nil and want:find("?", 1, true) then
		return
	end
	want = want:gsub("%?", "")
	local kind = kinds[want]
	local types = kind and kind.types or want
	if not ("|" .. types .. "|"):find("|" .. type(value) .. "|", 1, true) then
		check.wrong_type(fn, name, types:gsub("|", " or "), value)
	elseif kind and not kind.fits(value) then
		check.wrong_value(fn, name, kind.expected, value)
	end
end

local function names_of(known)
	local names = {}
	for name in pairs(known) do
		names[#names + 1] = name
	end
	table.sort(names)
	return names
end

---Raise unless OPTIONS is a table with nothing but what KNOWN tells.
---@param fn string
---@param options any
---@param known table<string, string> the name of each option and what it must be, as for `argument`
function check.options(fn, options, known)
	check.argument(fn, "options", options, "table")
	local names = names_of(known)
	for name in pairs(options) do
		if not known[name] then
			misuse(("%s: there is no option '%s', only %s"):format(fn, tostring(name), table.concat(names, ", ")))
		end
	end
	for _, name in ipairs(names) do -- what is given before what is missing
		if options[name] ~= nil then
			check.argument(fn, name, options[name], known[name])
		end
	end
	for _, name in ipairs(names) do
		check.argument(fn, name, options[name], known[name])
	end
end

-- Those of NAMES that are given, as a script spells them.
local function given_of(options, names)
	local given = {}
	for _, name in ipairs(names) do
		given[#given + 1] = options[name] ~= nil and name .. "=" or nil
	end
	return given
end

---Raise unless the options given are all of one way, and none of the other.
---@param fn string
---@param options table
---@param expected string "path= of a Unix socket, or host= and port="
---@param one string[] names of options
---@param other string[]
function check.one_way(fn, options, expected, one, other)
	local given, rest = given_of(options, one), given_of(options, other)
	if #given == #one and #rest == 0 or #given == 0 and #rest == #other then
		return
	end
	table.move(rest, 1, #rest, #given + 1, given)
	local got = #given == 0 and "neither" or #given == #one + #other and "both" or table.concat(given, " and ")
	misuse(("%s: %s, %s: %s expected, got %s"):format(fn, table.concat(one, ", "), table.concat(other, ", "), expected, got))
end

return check
