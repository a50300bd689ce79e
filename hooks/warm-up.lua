--[[ hook
summary: ask URLs again and again, so that caches are filled before users come
events: [ApplicationStart, ValidateService, BeforeAllowTraffic]
with:
  urls: {type: list, required: true, help: "what to ask, one after the other"}
  requests: {type: integer, default: 20, help: of each URL}
  expect: {type: integer, default: 200, help: the status of every answer}
  timeout: {type: duration, default: 10s, help: how long any answer may take}
  within: {type: duration, help: how long the last answer of a URL may take at most}
]]
local with = slipway.with

if with.requests < 1 then
	slipway.fail(("requests: at least 1 expected, got %d"):format(with.requests))
end

if slipway.env.SLIPWAY_TRY then
	slipway.log(("a try: %s: not asked"):format(table.concat(with.urls, ", ")))
	return
end

-- The time of every answer.
local function ask(url)
	local times = {}
	for i = 1, with.requests do
		slipway.doing(("GET %s, %d of %d"):format(url, i, with.requests))
		local start = slipway.clock()
		local answer = slipway.http.get(url, { timeout = with.timeout })
		times[i] = slipway.clock() - start
		if answer.status ~= with.expect then
			slipway.fail(("GET %s answered %d, not %d (request %d of %d)"):format(url, answer.status, with.expect, i,
				with.requests), "let http-check go before it: warming up is for what is ready")
		end
	end
	return times
end

for _, url in ipairs(with.urls) do
	local times = ask(url)
	local first, last = times[1], times[#times]
	slipway.log(("GET %s: %d answers, the first in %.3f s, the last in %.3f s"):format(url, #times, first, last))
	if with.within and last > with.within then
		slipway.fail(("GET %s took %.3f s after %d requests, more than %g s"):format(url, last, #times, with.within),
			"allow more 'requests', or more time 'within' which it must answer")
	end
end
