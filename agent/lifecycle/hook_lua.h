/* lifecycle/hook_lua.h - a hook written in Lua: what runs in the child that the zygote forks.
 *
 * All that the library `slipway` knows of the deployment comes from the hook's environment (hook_environment.h), so
 * that a script with `#!/usr/bin/slipway hook` works under any agent. The reason of a failure goes to standard error,
 * with a traceback, and in short to the worker, as does what the script is doing: hook_report.h.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>

/* The zygote_call. argv: path of the script, its name for messages (NULL: the path), name of the ready-made hook that
 * is run in its place (NULL: none). Never returns with what it allocated still held. */
int hook_lua_main(char **argv, char **environment);
/* Where `require` and slipway.archive_dir look for a script that no agent told about: the nearest folder above it that
 * holds an appspec, below any that everybody shares (/tmp), else its own. The caller frees it. */
char *hook_lua_bundle(const char *path);

struct script;
/* Give S what a hook has besides the library: the fields and functions of `slipway` that speak of the deployment, as
 * environ tells of it. NAME is the hook's, for messages. ERR_STATE, ERR_SYS. */
int hook_lua_extend(struct script *s, const char *name, const char *archive, struct err *err);
