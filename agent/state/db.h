/* state/db.h - the daemon's memory: which deployments there were, which wait, what came of each. SQLite.
 *
 * `<state_dir>/state.db`, mode 0600, write-ahead log. History and queue only: the folders below the deployment root are
 * the truth, and what is lost here is read from them again (daemon/history.h). One writer, the daemon. One row a
 * deployment; the version of the tables is PRAGMA user_version. A call takes well below a millisecond, and rows survive
 * the end of the process at once, a power cut within seconds.
 * Errors of every call: ERR_NO_SPACE; ERR_STATE: the file is damaged, or ours and newer; ERR_SYS.
 * Source: DESIGN.md section 4.
 */
#pragma once

#include "model/deployment.h"
#include "util/err.h"

#include <jansson.h>

#define DB_NAME	   "state.db"
#define DB_VERSION 1

struct db;

enum db_origin { DB_DAEMON, DB_LOCAL, DB_ORIGIN_COUNT };
const char *db_origin_name(enum db_origin origin); /* "daemon", "local" */

struct db_row {
	int64_t sequence; /* the order of arrival, from 1; given by db_insert() */
	char *id;	  /* unique */
	char *group;	  /* the folder's name, bytes */
	char *application;
	enum deployment_status status;
	int64_t created_at_ms, started_at_ms, finished_at_ms; /* since 1970; 0: not yet */
	char *token;					      /* of the client, unique for its uid; NULL: none */
	unsigned uid;					      /* who asked */
	enum db_origin origin;
	bool needs_recovery; /* as its document says; kept by the calls that store one */
	json_t *request;     /* deployment_to_json(), for the worker; NULL once it has ended */
	json_t *document;    /* deployment_result_to_json(), never NULL */
};
void db_row_done(struct db_row *row);

struct db_rows {
	struct db_row *items;
	size_t count;
};
void db_rows_done(struct db_rows *rows);

/* Opens the database of STATE_DIR, which is made (0711) when it is not there. *OUT is the caller's: db_free(). 0: as it
 * was left; 1: it is new and empty, since there was none, or a damaged one was moved aside as
 * "state.db.damaged-SECONDS" (the newest of these stays); *TOLD, the caller's, says so for the log. */
int db_open(const char *state_dir, struct db **out, char **told, struct err *err);
void db_free(struct db *db); /* NULL is fine */
void db_freep(struct db **db);

/* Many changes at once are quicker, and all or none of them, between these two; a new db_begin() within fails. */
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_undo(struct db *db); /* of what was begun; nothing when nothing was */

/* A new deployment, queued or, as history, ended. ROW is borrowed, its sequence does not count. 1: added; 0: there is a
 * row of that id, or of that token and uid, already, and nothing was changed. */
int db_insert(struct db *db, const struct db_row *row, struct err *err);
/* These three: 1: done; 0: there is no such deployment. Documents are borrowed. db_finish() ends it, or replaces the
 * end it had; the request goes. */
int db_start(struct db *db, const char *id, int64_t started_at_ms, struct err *err);
int db_set_document(struct db *db, const char *id, const json_t *document, struct err *err);
int db_finish(struct db *db, const char *id, enum deployment_status status, int64_t finished_at_ms,
	      const json_t *document, struct err *err);

/* 1: *OUT is the caller's, db_row_done(); 0: there is none. The latest is the first of db_list(). */
int db_find(struct db *db, const char *id, struct db_row *out, struct err *err);
int db_find_token(struct db *db, unsigned uid, const char *token, struct db_row *out, struct err *err);
int db_find_latest(struct db *db, const char *group, struct db_row *out, struct err *err); /* GROUP NULL: of all */
/* What db_find() says of the status alone. */
int db_find_status(struct db *db, const char *id, enum deployment_status *out, bool *needs_recovery, struct err *err);

/* The next that arrived after ROW in its group and from the same origin. As db_find(). */
int db_find_later(struct db *db, const struct db_row *row, struct db_row *out, struct err *err);

/* OUT is the caller's: db_rows_done(). GROUP NULL: of all. Newest creation first, at most LIMIT of them. */
int db_list(struct db *db, const char *group, unsigned limit, struct db_rows *out, struct err *err);
/* All that have not ended, in the order of their arrival. */
int db_list_unended(struct db *db, struct db_rows *out, struct err *err);
/* Names of all groups that have rows, sorted by bytes; NULL-terminated, the caller's: jstrings_free(). */
int db_list_groups(struct db *db, char ***out, struct err *err);

/* Remove all rows of GROUP but that of deployment SPARED (NULL: none); *ROWS: how many. What has not ended goes, too:
 * the caller has looked. */
int db_forget(struct db *db, const char *group, const char *spared, unsigned *rows, struct err *err);
/* Keep the KEEP newest rows of every group and whatever has not ended or needs recovery; *ROWS: how many went. */
int db_prune(struct db *db, unsigned keep, unsigned *rows, struct err *err);
