-- slipway.fs.template: a text with values put in. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"

local FN = "slipway.fs.template"
local OPTIONS = { from = "path?", text = "string?", to = "path?", vars = "table", mode = "mode?" }

local function line_at(text, position)
	return 1 + select(2, text:sub(1, position):gsub("\n", ""))
end

-- What stands between {{ and }} at POSITION.
local function value_of(inside, vars, where, text, position)
	local name = inside and inside:match("^%s*([%w_.-]+)%s*$")
	if not name then
		slipway.raise("failed", ("%s line %d: a name and }} expected behind {{ (a {{ itself is written {{{{)")
			:format(where, line_at(text, position)))
	end
	local value = vars[name]
	if value == nil then
		slipway.raise("failed", ("%s line %d: there is no value for '%s'"):format(where, line_at(text, position), name))
	elseif type(value) ~= "string" and type(value) ~= "number" then
		slipway.raise("failed", ("%s line %d: '%s': text or number expected, got %s"):format(where,
			line_at(text, position), name, type(value)))
	end
	return value
end

local function render(text, vars, where)
	local out, from = {}, 1
	while true do
		local open = text:find("{{", from, true)
		if not open then
			break
		end
		out[#out + 1] = text:sub(from, open - 1)
		if text:sub(open, open + 3) == "{{{{" then
			out[#out + 1] = "{{"
			from = open + 4
		else
			local inside, close = text:match("^([^{}\n]*)}}()", open + 2)
			out[#out + 1] = value_of(inside, vars, where, text, open)
			from = close
		end
	end
	out[#out + 1] = text:sub(from)
	return table.concat(out)
end

-- Is it there already, just so?
local function is_there(path, text, mode)
	local found = slipway.fs.stat(path, { follow = false })
	if not found or found.type ~= "file" or found.size ~= #text then
		return false
	elseif mode and tonumber(mode, 8) ~= tonumber(found.mode, 8) then
		return false
	end
	local ok, old = pcall(slipway.fs.read, path)
	return ok and old == text
end

return function(options)
	check.options(FN, options, OPTIONS)
	check.one_way(FN, options, "one of them", { "from" }, { "text" })
	if options.mode and not options.to then
		check.wrong_value(FN, "to", "a file for the mode", nil)
	end
	local where = options.from and ("template '%s'"):format(options.from) or "template"
	local text = render(options.text or slipway.fs.read(options.from), options.vars, where)

	if not options.to then
		return text
	elseif is_there(options.to, text, options.mode) then
		return text, false
	end
	slipway.fs.write(options.to, text, { mode = options.mode })
	return text, true
end
