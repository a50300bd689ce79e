-- `luacheck lua` from the top of the checkout, or `luacheck --config lua/.luacheckrc YOUR/scripts`.
std = "lua54"
max_line_length = 130
globals = { "slipway" }
