/* cli/cmd_hook.h - `slipway hook FILE`: try a hook, or be the interpreter of one. */
#pragma once

#include "cli/cli.h"

int cmd_hook(const struct cli *cli, int argc, char **argv);
