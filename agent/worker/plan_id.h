/* worker/plan_id.h - a name for a plan, which is another one as soon as the bundle or the host has changed.
 *
 * "p-" and the first twelve hexadecimal digits of a SHA-256 over the listing of the bundle with the digests of its
 * files, the previous revision, and of every path what is to be done, what it will be and what stands there now, by
 * its identity (device, inode, size, times, owner, mode).
 */
#pragma once

#include "worker/preflight.h"

#define PLAN_ID_SIZE 15 /* with its NUL */

/* PREVIOUS: folder of the last successful revision; NULL: none. The plan's world is asked again. */
int plan_id(const struct plan *p, const struct revision_files *r, const char *previous, char out[PLAN_ID_SIZE],
	    struct err *err);
