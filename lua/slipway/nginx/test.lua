-- slipway.nginx.test: is the configuration fine? Documented in lua/slipway.d.lua and docs/load-balancers.md.
local check_options = require "slipway.internal.options"
local nginx = require "slipway.internal.nginx"

return function(options)
	options = options or {}
	check_options("slipway.nginx.test", options, nginx.types)
	return nginx.test(options)
end
