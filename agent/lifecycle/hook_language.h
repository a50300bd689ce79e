/* lifecycle/hook_language.h - which scripts are called by the agent itself, and not executed. */
#pragma once

#include <stdbool.h>

/* A name that ends in .lua and no `#!` line. What cannot be read is none. */
bool hook_is_lua(const char *path);

/* Is the script at LOCATION of the bundle DIR_FD in Lua, be it that the agent calls it or its own first line,
 * `#!/usr/bin/slipway hook`? What cannot be read, or is reached by a link, is none. */
bool hook_is_written_in_lua(int dir_fd, const char *location);
