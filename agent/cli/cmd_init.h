/* cli/cmd_init.h - `slipway init [DIR]`: an appspec.yml to start from. */
#pragma once

/* ARGV[0] is the word "init". Never overwrites. The exit status: 0 written, 1 not, 2 wrong usage. */
int cmd_init(int argc, char **argv);
