/* worker/hook_compile.h - a script in Lua is compiled before it is needed, so that a misprint stops nothing that runs.
 */
#pragma once

#include "appspec/appspec.h"
#include "model/deployment.h"

/* The script at LOCATION of the bundle BUNDLE_FD: 0 when it can be compiled, or is not there, or is no file of the
 * bundle: others tell that. -1, ERR_SCRIPT_FAILED: its file, line and what is wrong. */
int hook_compile(int bundle_fd, const char *location, struct err *err);

/* The same with the hooks of the host at the events of ORDER, which are fit to be run otherwise: FINDINGS gets an error
 * for each that is no Lua. -1, ERR_CONFIG: there is one. */
int hook_compile_host(const struct deployment *d, const char *const *order, struct findings *findings, struct err *err);

/* The worker as `slipway-worker --compile LOCATION...`, in the bundle's folder. On standard output a JSON list: for
 * each null, or what is wrong with it. Status 0. */
int hook_compile_main(int argc, char **argv);
