-- slipway.nginx.reload: take over the configuration. Documented in lua/slipway.d.lua and docs/lua.md.
local check = require "slipway.internal.check"
local nginx = require "slipway.internal.nginx"

return function(options)
	options = options or {}
	check.options("slipway.nginx.reload", options, nginx.RELOAD_OPTIONS)
	nginx.test(options)
	nginx.reload(options)
	if options.wait_old then
		nginx.wait_old(options)
	end
end
