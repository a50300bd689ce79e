-- How slipway.test compares values and shows them.
local M = {}

local MAX_DEPTH = 20
local SHOWN = 400 -- bytes of one value in a message

local function sorted_keys(t)
	local keys = {}
	for key in pairs(t) do
		keys[#keys + 1] = key
	end
	table.sort(keys, function(a, b)
		if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
			return a < b
		end
		return type(a) < type(b) or type(a) == type(b) and tostring(a) < tostring(b)
	end)
	return keys
end

local function is_name(key)
	return type(key) == "string" and key:match("^[%a_][%w_]*$") ~= nil
end

local signs = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

local function show_text(text)
	return '"' .. text:gsub('[%c"\\]', function(sign)
		return signs[sign] or ("\\x%02x"):format(sign:byte())
	end) .. '"'
end

local show

local function show_table(value, depth)
	local parts, items = {}, #value
	if depth == MAX_DEPTH then
		return "{...}"
	end
	for i = 1, items do
		parts[i] = show(value[i], depth + 1)
	end
	for _, key in ipairs(sorted_keys(value)) do
		if math.type(key) ~= "integer" or key < 1 or key > items then
			local name = is_name(key) and key or "[" .. show(key, depth + 1) .. "]"
			parts[#parts + 1] = name .. " = " .. show(value[key], depth + 1)
		end
	end
	return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, depth)
	if type(value) == "string" then
		return show_text(value)
	elseif type(value) == "table" then
		return show_table(value, depth)
	elseif value == slipway.json.null then
		return "slipway.json.null"
	elseif type(value) == "function" or type(value) == "userdata" then
		return "a " .. type(value)
	end
	return tostring(value)
end

function M.show(value)
	local text = show(value, 1)
	return #text <= SHOWN and text or text:sub(1, SHOWN) .. "..."
end

-- "slipway.run{ "systemctl", "restart" }"
function M.show_call(name, arguments)
	local parts = {}
	for i = 1, arguments.n do
		parts[i] = M.show(arguments[i])
	end
	if arguments.n == 1 and type(arguments[1]) == "table" then
		return "slipway." .. name .. parts[1]
	end
	return ("slipway.%s(%s)"):format(name, table.concat(parts, ", "))
end

-- nil: the same; else where ("", ".log[2]"), and the two values there.
function M.difference(got, want, where, depth)
	where, depth = where or "", depth or 1
	if type(got) ~= "table" or type(want) ~= "table" or depth == MAX_DEPTH then
		if got ~= want then
			return where, got, want
		end
		return nil
	end
	local keys = {}
	for key in pairs(want) do
		keys[key] = true
	end
	for key in pairs(got) do
		keys[key] = true
	end
	for _, key in ipairs(sorted_keys(keys)) do
		local name = is_name(key) and "." .. key or "[" .. show(key, 1) .. "]"
		local place, a, b = M.difference(got[key], want[key], where .. name, depth + 1)
		if place then
			return place, a, b
		end
	end
	return nil
end

-- Is GIVEN what a fake was made for? A table needs the fields that WANT names, a list all its items; a function decides.
function M.fits(want, given)
	if type(want) == "function" then
		return want(given)
	elseif type(want) ~= "table" or type(given) ~= "table" then
		return want == given
	elseif #want > 0 and #want ~= #given then
		return false
	end
	for key, value in pairs(want) do
		if not M.fits(value, given[key]) then
			return false
		end
	end
	return true
end

return M
