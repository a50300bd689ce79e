--[[ hook
summary: ask a URL until it answers as it should
events: [ApplicationStart, ValidateService, BeforeAllowTraffic, AfterAllowTraffic]
with:
  url: {type: text, required: true, help: what to ask}
  expect: {type: integer, default: 200, help: the status of the answer}
  body: {type: text, help: "a Lua pattern that the body must hold, too"}
  for: {type: duration, default: 30s, help: how long to go on asking}
  interval: {type: duration, default: 1s, help: between two attempts}
  timeout: {type: duration, default: 10s, help: how long one answer may take}
  headers: {type: map, help: "of the request"}
]]
local with = slipway.with

local what = ("GET %s = %d"):format(with.url, with.expect)
if with.body then
	what = what .. (" with '%s'"):format(with.body)
	if not pcall(string.find, "", with.body) then
		slipway.fail(("body: '%s' is no Lua pattern"):format(with.body),
			"write % before a sign that is meant as itself, as in 1%.2")
	end
end

if slipway.env.SLIPWAY_TRY then
	slipway.log(("a try: %s is not waited for"):format(what))
	return
end

local headers = {}
for name, value in pairs(with.headers or {}) do
	headers[name] = tostring(value)
end

local last -- what came last, when something came
local finish = slipway.clock() + with["for"]

local ok, err = pcall(slipway.wait_for, {
	what = what,
	timeout = with["for"],
	interval = with.interval,
	fn = function()
		local left = math.max(finish - slipway.clock(), 0.1)
		last = nil
		local got, answer = pcall(slipway.http.get, with.url,
			{ timeout = math.min(left, with.timeout), headers = headers })
		if not got then
			if type(answer) == "table" then
				answer.message = answer.message:gsub("^GET %S+: ", "") -- it is said before
			end
			error(answer, 0)
		end
		last = answer
		if answer.status ~= with.expect then
			return false, ("%d"):format(answer.status)
		end
		return not with.body or answer.body:find(with.body) ~= nil, ("%d, another body"):format(answer.status)
	end,
})

if ok then
	slipway.log(what .. ": yes")
elseif last and type(err) == "table" and err.kind == "timeout" then
	slipway.fail(("%s; last body: \"%s\""):format(err.message, last.excerpt()))
else
	error(err, 0)
end
