/* util/module.h - parts of the program that are loaded when a process first needs them.
 *
 * A module is linked to libraries that cost time and memory of every process that has them. It is a file of slipway,
 * beside the program or in the folder where slipway is installed, and exports one struct, whose first member is an int:
 * its version. It uses nothing of the program: what it needs is handed to it.
 */
#pragma once

#include "util/err.h"

struct module {
	const char *file;   /* "slipway-http.so" */
	const char *symbol; /* of the struct */
	int version;	    /* another one is refused: an old module in memory or on disk */
	const char *what;   /* "what speaks HTTP", for messages */
};

/* The struct, good for ever: nothing is unloaded. NULL, ERR_SYS: it is not there, or of another version. */
const void *module_load(const struct module *m, struct err *err);
