/* cli/cmd_daemon.h - `slipway daemon`: the service, in the foreground. */
#pragma once

#include "cli/cli.h"

int cmd_daemon(const struct cli *cli, int argc, char **argv);
