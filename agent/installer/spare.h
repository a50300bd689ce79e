/* installer/spare.h - takes away what an install put into a folder that it made, and spares what others put there
 * since.
 *
 * Ours is, by its name, what the install's manifest lists: a hook that edits a file often makes a new one of it. A
 * folder of ours goes when nothing of others is left in it.
 */
#pragma once

#include "installer/manifest.h"
#include "util/err.h"

struct spare; /* a manifest that can be looked up by name */

/* M is borrowed as long as the result lives: spare_free(). */
struct spare *spare_new(const struct manifest *m);
void spare_free(struct spare *s); /* NULL is fine */

/* Is there anything of others in the folder NAME below DIR_FD, which is PATH? 1: there is; 0: there is not. */
int spare_look(const struct spare *s, int dir_fd, const char *name, const char *path, struct err *err);
/* Remove what is ours in it. 1: the folder stays, with what is of others; 0: it was all ours and is gone. May be
 * interrupted anywhere and done again. */
int spare_remove_ours(const struct spare *s, int dir_fd, const char *name, const char *path, struct err *err);
