-- An HAProxy whose runtime API is at PLACE, as arguments of ready-made hooks have it: a path, or HOST:PORT ("[::1]:9999").
---@param place string
---@return slipway.Haproxy
return function(place)
	local host, port = place:match("^([^/].*):(%d+)$")
	if not host then
		return slipway.haproxy.open{ socket = place }
	end
	return slipway.haproxy.open{ host = host:match("^%[(.*)%]$") or host, port = port }
end
