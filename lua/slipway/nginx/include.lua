-- slipway.nginx.include: change a file that the configuration includes. Documented in lua/slipway.d.lua and
-- docs/lua.md.
local check = require "slipway.internal.check"
local nginx = require "slipway.internal.nginx"

local OPTIONS = { content = "string", path = "path" }
for name, want in pairs(nginx.RELOAD_OPTIONS) do
	OPTIONS[name] = want
end

local function put_back(path, old)
	if old then
		slipway.fs.write(path, old)
	else
		slipway.fs.remove(path)
	end
end

return function(options)
	check.options("slipway.nginx.include", options, OPTIONS)
	local path = options.path
	local old = slipway.fs.exists(path) and slipway.fs.read(path) or nil
	if old == options.content then
		return false
	end
	slipway.fs.write(path, options.content)
	local ok, err = pcall(nginx.test, options)
	if not ok then
		put_back(path, old)
		error(err, 0)
	end
	ok, err = pcall(nginx.reload, options)
	if not ok then -- it serves the old one still, or begins to serve the new one late
		put_back(path, old)
		pcall(nginx.signal, options)
		error(err, 0)
	end
	if options.wait_old then
		nginx.wait_old(options)
	end
	return true
end
