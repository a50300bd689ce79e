/* worker/hook_test_files.h - which files hold tests. */
#pragma once

#include "util/err.h"

#include <stddef.h>

struct hook_test_files { /* absolute paths; zero-initialise; hook_test_files_done() */
	char **items;
	size_t count, capacity;
};
void hook_test_files_done(struct hook_test_files *f);

/* PATH, a file of any name, or all files *_test.lua below a folder, in the order of their names; hidden ones and links
 * to folders are passed over. ERR_USAGE: there is none; ERR_SYS. */
int hook_test_files_add(struct hook_test_files *f, const char *path, struct err *err);
