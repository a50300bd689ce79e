/* tests/unit/scratch.c - made and removed without util/fs, whose observer may be set to fail. */
#include "scratch.h"

#include "util/str.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char *scratch_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/slipway-test.XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (!mkdtemp(path)) {
		perror(path);
		abort();
	}

	char *real = realpath(path, NULL);

	free(path);
	return real ? real : xstrdup("/nonexistent");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

void scratch_removep(char **path)
{
	if (*path && nftw(*path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0)
		perror(*path);
	free(*path);
}
