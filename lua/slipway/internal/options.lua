-- What the functions written in Lua say about wrong options: function, option, what was expected and what was given. The
-- error is placed where the function that calls this one was called.
return function(fn, options, types)
	if type(options) ~= "table" then
		error(("%s: table expected, got %s"):format(fn, type(options)), 3)
	end
	for name, value in pairs(options) do
		local want = types[name]
		if not want then
			error(("%s: there is no option '%s'"):format(fn, tostring(name)), 3)
		elseif type(value) ~= want and not (want == "port" and (type(value) == "number" or type(value) == "string")) then
			error(("%s: %s: %s expected, got %s"):format(fn, name, want, type(value)), 3)
		end
	end
end
