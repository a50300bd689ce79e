-- slipway.nginx.include: change a file that the configuration includes. Documented in lua/slipway.d.lua and
-- docs/load-balancers.md.
local check_options = require "slipway.internal.options"
local nginx = require "slipway.internal.nginx"

local types = { content = "string", path = "string" }
for name, want in pairs(nginx.reload_types) do
	types[name] = want
end

local function put_back(path, old)
	if old then
		slipway.fs.write(path, old)
	else
		slipway.fs.remove(path)
	end
end

return function(options)
	check_options("slipway.nginx.include", options, types)
	for _, name in ipairs{ "path", "content" } do
		if not options[name] then
			error(("slipway.nginx.include: %s: string expected, got nil"):format(name), 2)
		end
	end

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
