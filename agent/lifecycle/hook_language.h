/* lifecycle/hook_language.h - which scripts are called by the agent itself, and not executed. */
#pragma once

#include <stdbool.h>

/* A name that ends in .lua and no `#!` line. What cannot be read is none. */
bool hook_is_lua(const char *path);
