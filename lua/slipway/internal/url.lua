-- A URL for messages: without user and password.
---@param url string
---@return string
return function(url)
	return (url:gsub("^(%a+://)[^/?#]*@", "%1***@"))
end
