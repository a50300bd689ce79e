-- What the functions of the library make of the answer that a fake has for them: answers[name](answer, arguments...)
-- returns what the hook sees. A function that is not here returns the answer as it is.
local M = {}

local SHOWN = 200 -- bytes of a body in a message
local READ_MAX = 16 * 1024 * 1024

local function table_of(name, answer, fields)
	if type(answer) ~= "table" then
		error(("slipway.test.fake.%s: answer: table expected, got %s"):format(name, type(answer)), 0)
	end
	for key, value in pairs(answer) do
		local want = fields[key]
		if not want then
			error(("slipway.test.fake.%s: answer: there is no field '%s'"):format(name, tostring(key)), 0)
		elseif not want:find(math.type(value) or type(value), 1, true) then
			error(("slipway.test.fake.%s: answer: %s: %s expected, got %s"):format(name, key, want, type(value)), 0)
		end
	end
	return answer
end

-- { code = 0, out = "", err = "" }
function M.run(answer, options)
	table_of("run", answer, { code = "integer", out = "string", err = "string" })
	local code, out, err = answer.code or 0, answer.out or "", answer.err or ""
	if options.check and code ~= 0 then
		local why = err ~= "" and ": " .. err:gsub("%s+$", ""):match("[^\n]*$") or ""
		slipway.raise("failed", ("'%s' ended with exit code %d%s"):format(
			options.shell or table.concat(options, " "), code, why))
	end
	return code, out, err
end

-- nil: the status is one that was expected; else what was, "200 or 204". A file is written of 2xx alone.
local function expectation(status, options)
	if options.expect == nil then
		return options.to and (status < 200 or status > 299) and "2xx" or nil
	end
	local words = {}
	for i, one in ipairs(type(options.expect) == "table" and options.expect or { options.expect }) do
		if status == one then
			return nil
		end
		words[i] = ("%d"):format(one)
	end
	return (table.concat(words, ", "):gsub(", (%d+)$", " or %1"))
end

local function excerpt(body)
	return (body:sub(1, SHOWN):gsub("%s+", " "))
end

local function http_answer(method)
	local name = "http." .. method:lower()

	-- { status = 200, body = "" or a table that becomes JSON, headers = {} }
	M[name] = function(answer, url, options)
		table_of(name, answer, { status = "integer", body = "string or table", headers = "table" })
		options = type(options) == "table" and options or {}
		local status, body = answer.status or 200, answer.body or ""
		if type(body) == "table" then
			body = slipway.json.encode(body)
		end
		local headers = {}
		for field, value in pairs(answer.headers or {}) do
			headers[tostring(field):lower()] = value -- as libcurl's answers have them
		end
		local expected = expectation(status, options)
		if expected then
			slipway.raise("failed", ("%s %s answered %d, not %s%s"):format(method, url, status, expected,
				body ~= "" and "; body: " .. excerpt(body) or ""))
		elseif options.to then
			slipway.fs.write(options.to, body)
			body = ""
		end
		return {
			status = status,
			body = body,
			headers = headers,
			json = function()
				local ok, value = pcall(slipway.json.decode, body)
				if not ok then
					slipway.raise(value.kind, ("%s %s: the answer is %s"):format(method, url, value.message))
				end
				return value
			end,
			excerpt = function()
				return excerpt(body)
			end,
		}
	end
end

for _, method in ipairs{ "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS" } do
	http_answer(method)
end

local function type_of(...)
	return select("#", ...) == 0 and "no value" or type((...))
end

-- The other side of a connection: a table from each line that is sent to the text that comes back, or a function.
M["socket.connect"] = function(answer, address)
	local where = address.path or ("%s:%s"):format(address.host, address.port)
	local sent, received, closed = "", "", false
	local connection = {}

	-- The words of the real one about a wrong call.
	local function wrong(method, argument, expected, got)
		error(("slipway.Connection:%s: %s: %s expected, got %s"):format(method, argument, expected, got), 0)
	end

	local function check_open(method)
		if closed then
			wrong(method, "self", "open connection", "one that is closed")
		end
	end

	local function reply(line)
		local text
		if type(answer) == "function" then
			text = answer(line)
		else
			text = table_of("socket.connect", answer, setmetatable({}, { __index = function() return "string" end }))[line]
			if text == nil then
				error(("%s was sent %q, for which the fake has no answer"):format(where, line), 0)
			end
		end
		received = received .. (text or "")
	end

	function connection.send(_, ...)
		check_open("send")
		local text = ...
		if type(text) ~= "string" and type(text) ~= "number" then
			wrong("send", "text", "string", type_of(...))
		end
		sent = sent .. text
		for line in sent:gmatch("([^\n]*)\n") do
			reply(line)
		end
		sent = sent:match("[^\n]*$")
		return connection
	end

	function connection.read(_, ...)
		check_open("read")
		local number = tonumber((...))
		local count = math.tointeger(number)
		if not count then
			wrong("read", "count", "integer", number or type_of(...))
		elseif count < 1 or count > READ_MAX then
			wrong("read", "count", ("1 to %d bytes"):format(READ_MAX), count)
		end
		local bytes = received:sub(1, count)
		received = received:sub(count + 1)
		return bytes ~= "" and bytes or nil
	end

	function connection.line()
		check_open("line")
		local line, rest = received:match("^([^\n]*)\n(.*)$")
		if not line and received ~= "" then
			line, rest = received, ""
		end
		received = rest or ""
		return line and (line:gsub("\r$", ""))
	end

	function connection.all()
		check_open("all")
		local text = received
		received = ""
		return text
	end

	function connection.close()
		closed = true
	end

	return connection
end

return M
