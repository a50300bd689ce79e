--[[ hook
summary: test nginx's configuration, let nginx take it over and wait until it has
events: [AfterInstall, ApplicationStart, ValidateService]
with:
  conf: {type: text, help: "the configuration file, when not the usual one"}
  prefix: {type: text, help: "nginx's folder, when not the usual one"}
  pid_file: {type: text, default: /run/nginx.pid, help: "as 'pid' in the configuration has it"}
  timeout: {type: duration, default: 30s, help: how long to wait for the new workers}
  wait_old: {type: duration, help: "also wait, so long at most, until the old workers have ended"}
]]
local with = slipway.with

if slipway.env.SLIPWAY_TRY then
	slipway.log("a try: nginx is not reloaded")
	return
end
slipway.nginx.reload(with)
slipway.log("nginx has taken over its configuration")
