-- slipway.nginx.reload: take over the configuration. Documented in lua/slipway.d.lua and docs/load-balancers.md.
local check_options = require "slipway.internal.options"
local nginx = require "slipway.internal.nginx"

return function(options)
	options = options or {}
	check_options("slipway.nginx.reload", options, nginx.reload_types)
	nginx.test(options)
	nginx.reload(options)
	if options.wait_old then
		nginx.wait_old(options)
	end
end
