-- What functions written in Lua do with the errors of those they call.
local errors = {}

---Is it a failure of the outside world, which may pass? Not a mistake in the script, and not the end of its time.
---@param err any what pcall gave
---@return boolean
function errors.may_pass(err)
	return type(err) == "table" and err.kind ~= "ended"
end

---An error of the function FROM for whoever has called TO: what it says of wrong arguments, TO says.
---@param err any
---@param from string "slipway.http.post"
---@param to string "slipway.notify"
---@return any err
function errors.as_said_by(err, from, to)
	if type(err) ~= "string" then
		return err
	end
	return (err:gsub(from:gsub("%.", "%%."), to, 1))
end

return errors
