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
				return slipway.json.decode(body)
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

-- The other side of a connection: a table from each line that is sent to the text that comes back, or a function.
M["socket.connect"] = function(answer, address)
	local where = address.path or ("%s:%s"):format(address.host, address.port)
	local sent, received, closed = "", "", false
	local connection = {}

	-- What the real one says about a wrong call.
	local function check(method, argument, value, want)
		if closed then
			error(("slipway.socket: %s: the connection is closed"):format(method), 0)
		elseif want and (math.type(value) or type(value)) ~= want then
			error(("slipway.socket: %s: %s: %s expected, got %s"):format(method, argument, want, type(value)), 0)
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

	function connection.send(_, text)
		text = type(text) == "number" and tostring(text) or text
		check("send", "text", text, "string")
		sent = sent .. text
		for line in sent:gmatch("([^\n]*)\n") do
			reply(line)
		end
		sent = sent:match("[^\n]*$")
		return connection
	end

	function connection.read(_, count)
		check("read", "count", count, "integer")
		if count < 1 or count > READ_MAX then
			error(("slipway.socket: read: 1 to %d bytes expected, got %d"):format(READ_MAX, count), 0)
		end
		local bytes = received:sub(1, count)
		received = received:sub(count + 1)
		return bytes ~= "" and bytes or nil
	end

	function connection.line()
		check("line")
		local line, rest = received:match("^([^\n]*)\n(.*)$")
		if not line and received ~= "" then
			line, rest = received, ""
		end
		received = rest or ""
		return line and (line:gsub("\r$", ""))
	end

	function connection.all()
		check("all")
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
