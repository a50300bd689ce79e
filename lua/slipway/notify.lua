-- slipway.notify: tell a webhook. Documented in lua/slipway.d.lua and docs/lua.md.
local types = {
	url = "string", text = "string", payload = "table", headers = "table", timeout = "number", delay = "number",
	ca = "string", unix_socket = "string", user = "string", password = "string", optional = "boolean",
}
local TRIES = 3
local TIMEOUT = 10

local function check(options)
	if type(options) ~= "table" then
		error("slipway.notify: table expected, got " .. type(options), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("slipway.notify: there is no option '%s'"):format(tostring(name)), 3)
		elseif type(value) ~= want then
			error(("slipway.notify: %s: %s expected, got %s"):format(name, want, type(value)), 3)
		end
	end
	if not options.url then
		error("slipway.notify: url: string expected, got nil", 3)
	elseif (options.text == nil) == (options.payload == nil) then
		error("slipway.notify: either text= or payload= expected", 3)
	end
end

-- "text" is what Slack and those like it show; the rest is for who reads JSON.
local function message(text)
	return {
		text = text, application = slipway.application, group = slipway.group, deployment = slipway.deployment,
		event = slipway.event,
	}
end

-- What a server may answer otherwise a second later.
local function passes(status)
	return status >= 500 or status == 408 or status == 429
end

local function post(options)
	local shown = options.url:gsub("^(%a+://)[^/?#]*@", "%1***@") -- without user and password
	local request = {
		json = options.payload or message(options.text), timeout = options.timeout or TIMEOUT, headers = options.headers,
		ca = options.ca, unix_socket = options.unix_socket, user = options.user, password = options.password,
	}
	local answer = slipway.retry{
		what = "slipway.notify", tries = TRIES, delay = options.delay or 1, backoff = 2,
		fn = function()
			local answer = slipway.http.post(options.url, request)
			if passes(answer.status) then
				return false, ("POST %s answered %d"):format(shown, answer.status)
			end
			return answer
		end,
	}
	if answer.status < 200 or answer.status > 299 then
		slipway.raise("failed", ("slipway.notify: POST %s answered %d: \"%s\""):format(shown, answer.status,
			answer.excerpt()))
	end
end

return function(options)
	check(options)
	local ok, err = pcall(post, options)
	if ok then
		return true
	elseif not options.optional or type(err) ~= "table" or err.kind == "ended" then
		error(err, 0)
	end
	slipway.log(err.message .. "; nobody is told")
	return false
end
