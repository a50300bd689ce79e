/* daemon/history.h - brings the database up to what the folders of the groups say.
 *
 * The folders are the truth: a deployment folder that the database does not know (`slipway local` made it, or the
 * database was lost) is imported, a deployment that had not ended there is finished from its result.json. What has a
 * request.json but no result, or a result that says needs_recovery, is told to the caller. Nothing below the
 * deployment root is changed, no link is followed, and what is damaged is skipped with a word about it.
 *
 * A scan with nothing new costs a stat() for each group: it may come before every answer. A folder of another agent,
 * with neither request.json nor result.json, is none of our business. A row that has ended is believed, unless it
 * needs recovery.
 */
#pragma once

#include "state/db.h"
#include "util/err.h"

#include <sys/types.h>

#define HISTORY_MAX_GROUPS  10000
#define HISTORY_MAX_FOLDERS 100000 /* of one group */

struct history;

/* What a scan tells while it runs; texts and names are borrowed. Each may be NULL. */
struct history_watch {
	/* Not ended, in its folder: interrupted, or PID (0: not known; it may be gone, and be another process by now)
	 * is at it. Told at every scan until it has a result, the caller's own running ones, too. */
	void (*unended)(void *context, const char *group, const char *id, pid_t pid);
	/* It has a result, but left work behind: recover GROUP. Told at every scan until that is done. */
	void (*needs_recovery)(void *context, const char *group, const char *id);
	/* Something was skipped; told again when its group changes. For the log. */
	void (*trouble)(void *context, const char *text);
	void *context;
};

/* DB is borrowed for the life of *OUT, which is the caller's: history_free(). */
struct history *history_new(struct db *db, const char *deployment_root);
void history_free(struct history *h); /* NULL is fine */
void history_freep(struct history **h);

/* 0, also when there is no deployment root yet. All or nothing of a scan reaches the database, and only errors of the
 * database and of the deployment root itself are errors; what is wrong below is told. The watch must not change the
 * database. */
int history_scan(struct history *h, const struct history_watch *watch, struct err *err);
