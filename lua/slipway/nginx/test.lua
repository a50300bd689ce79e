-- slipway.nginx.test: is the configuration fine? Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local nginx = require "slipway.internal.nginx"

return function(options)
	options = options or {}
	check.options("slipway.nginx.test", options, nginx.OPTIONS)
	return nginx.test(options)
end
