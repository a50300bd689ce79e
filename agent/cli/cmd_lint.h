/* cli/cmd_lint.h - `slipway lint PATH`: everything that is wrong with an appspec or an unpacked bundle, with places. */
#pragma once

/* ARGV[0] is the word "lint". Findings and JSON go to stdout, what hinders the check itself to stderr. The exit status:
 * 0 fine, 1 errors (with --strict warnings, too), 2 wrong usage or a path that cannot be read. */
int cmd_lint(int argc, char **argv);
