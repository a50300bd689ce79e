/* cli/cmd_hook.h - `slipway hook FILE`: try a hook, or be the interpreter of one. */
#pragma once

int cmd_hook(int argc, char **argv);
