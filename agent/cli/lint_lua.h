/* cli/lint_lua.h - is what a bundle calls Lua Lua? The worker compiles it: Lua is not linked into this program. */
#pragma once

#include "appspec/appspec.h"

/* The hooks in Lua and the policies that A names, in the bundle DIR_FD. An error for each that cannot be compiled; a
 * warning when nobody could be asked. */
void lint_lua(const struct appspec *a, int dir_fd, struct findings *f);
