/* daemon/history_folder.h - what the folder of one deployment says about it, as a row of the database.
 *
 * Only reads; links are not followed; files are limited and checked like a stranger's. Layout:
 * worker/group.h.
 */
#pragma once

#include "state/db.h"
#include "util/err.h"

#include <sys/types.h>

enum folder_state {
	FOLDER_FOREIGN,	   /* neither request nor result: another agent's, or just made */
	FOLDER_UNENDED,	   /* a request, no result */
	FOLDER_ENDED,	   /* a result */
	FOLDER_DAMAGED,	   /* a result that nobody can read; the row is a failed deployment that says so */
	FOLDER_UNREADABLE, /* for now: no descriptor left, a disk that fails */
};

struct folder_word {
	struct db_row row; /* empty when FOREIGN or UNREADABLE; its sequence is 0 */
	pid_t pid;	   /* who runs it, or did; 0: not known */
};
void folder_word_done(struct folder_word *w);

/* OUT is the caller's: folder_word_done(). ERR says why it is DAMAGED or UNREADABLE. */
enum folder_state history_folder_read(int group_fd, const char *group, const char *id, struct folder_word *out,
				      struct err *err);
