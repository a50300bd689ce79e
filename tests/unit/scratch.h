/* tests/unit/scratch.h - a folder for one test that goes away with its variable.
 *
 *	AUTO(scratch_removep) char *path = scratch_new();
 */
#pragma once

/* A new empty folder (0700) below $TMPDIR or /tmp; its absolute path, never NULL. */
char *scratch_new(void);
/* Removes *PATH and all below it, and frees the path. */
void scratch_removep(char **path);
