-- slipway.notify: tell a webhook. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local errors = require "slipway.internal.errors"
local shown_url = require "slipway.internal.url"

local FN = "slipway.notify"
local TRIES = 3
local TIMEOUT = 10
local OPTIONS = {
	url = "string", text = "string?", payload = "table?", headers = "table?", timeout = "timeout?", delay = "seconds?",
	ca = "string?", unix_socket = "string?", user = "string?", password = "string?", optional = "boolean?",
}

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
	local shown = shown_url(options.url)
	local request = {
		json = options.payload or message(options.text), timeout = options.timeout or TIMEOUT, headers = options.headers,
		ca = options.ca, unix_socket = options.unix_socket, user = options.user, password = options.password,
	}
	local answer = slipway.retry{
		what = FN, tries = TRIES, delay = options.delay or 1, backoff = 2,
		fn = function()
			local answer = slipway.http.post(options.url, request)
			if passes(answer.status) then
				return false, ("POST %s answered %d"):format(shown, answer.status)
			end
			return answer
		end,
	}
	if answer.status < 200 or answer.status > 299 then
		slipway.raise("failed", ("%s: POST %s answered %d: \"%s\""):format(FN, shown, answer.status, answer.excerpt()))
	end
end

return function(options)
	check.options(FN, options, OPTIONS)
	check.one_way(FN, options, "one of them", { "text" }, { "payload" })
	local ok, err = pcall(post, options)
	if ok then
		return true
	elseif not options.optional or not errors.may_pass(err) then
		err = errors.as_said_by(err, "slipway.http.post: json", FN .. ": payload")
		error(errors.as_said_by(err, "slipway.http.post", FN), 0)
	end
	slipway.log(err.message .. "; nobody is told")
	return false
end
