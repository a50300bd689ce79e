-- ValidateService: the site says that it is well. Runs in the agent's own Lua, no curl or jq needed.
local url = "http://127.0.0.1:" .. slipway.env.PORT .. "/health"

slipway.wait_for {
	what = "GET /health = 200",
	timeout = 3,
	interval = 0.2,
	fn = function()
		local answer = slipway.http.get(url, { timeout = 1 })
		return answer.status == 200, answer.status .. ' "' .. answer.body:gsub("%s+$", "") .. '"'
	end,
}
