/* cli/cmd_local.h - `slipway local`: one deployment from this command line to its end, and `codedeploy-local`. */
#pragma once

#include "cli/cli.h"

#include <stdbool.h>

/* ARGV[0] is the command. COMPATIBLE: called as codedeploy-local, with its words on stdout and its exit status 0 or 1.
 */
int cmd_local(const struct cli *cli, int argc, char **argv, bool compatible);
void cmd_local_help(bool compatible); /* to stdout */
