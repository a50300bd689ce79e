/* cli/cli.h - the command `slipway`: global options, the table of commands, help. */
#pragma once

/* What stands before the command; NULL: not given. Borrowed. */
struct cli {
	const char *config; /* --config or SLIPWAY_CONFIG */
	const char *root;   /* --root or SLIPWAY_ROOT */
};

/* Run the command line; the exit status as PRODUCT section 3 has it. Called as codedeploy-local it is that program. */
int cli_main(int argc, char **argv);
