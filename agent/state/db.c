/* state/db.c - rows in, rows out; each call is one prepared statement. The file itself: db_open.c. */
#include "format/json.h"
#include "state/db_internal.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define COLUMNS                                                                                                        \
	"sequence, id, grp, application, status, created_at, started_at, finished_at, token, uid, origin, "            \
	"needs_recovery, request, document"
#define SELECT	"SELECT " COLUMNS " FROM deployments "
#define UNENDED "status IN ('Queued', 'InProgress')"
#define NEWEST	"ORDER BY created_at DESC, sequence DESC "

/* Parameters are numbered as the functions below bind them. */
static const char *const texts[DB_STATEMENT_COUNT] = {
	[DB_BEGIN] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_INSERT] = "INSERT INTO deployments (" COLUMNS ") VALUES "
		      "(NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING",
	[DB_START] = "UPDATE deployments SET status = 'InProgress', started_at = ?2 WHERE id = ?1",
	[DB_SET_DOCUMENT] = "UPDATE deployments SET document = ?2, needs_recovery = ?3 WHERE id = ?1",
	[DB_FINISH] = "UPDATE deployments SET status = ?4, finished_at = ?5, document = ?2, needs_recovery = ?3, "
		      "request = NULL WHERE id = ?1",
	[DB_FIND] = SELECT "WHERE id = ?1",
	[DB_FIND_TOKEN] = SELECT "WHERE uid = ?1 AND token = ?2",
	[DB_FIND_STATUS] = "SELECT status, needs_recovery FROM deployments WHERE id = ?1",
	[DB_FIND_LATER] = SELECT "WHERE grp = ?1 AND sequence > ?2 AND origin = ?3 ORDER BY sequence LIMIT 1",
	[DB_LIST] = SELECT NEWEST "LIMIT ?1",
	[DB_LIST_GROUP] = SELECT "WHERE grp = ?2 " NEWEST "LIMIT ?1",
	[DB_LIST_UNENDED] = SELECT "WHERE " UNENDED " ORDER BY sequence",
	[DB_LIST_GROUPS] = "SELECT DISTINCT grp FROM deployments ORDER BY grp",
	[DB_FORGET] = "DELETE FROM deployments WHERE grp = ?1 AND id IS NOT ?2",
	[DB_PRUNE] = "DELETE FROM deployments WHERE NOT needs_recovery AND NOT " UNENDED " AND sequence IN (SELECT "
		     "sequence FROM (SELECT sequence, row_number() OVER (PARTITION BY grp " NEWEST
		     ") AS place FROM deployments) WHERE place > ?1)",
};

const char *db_origin_name(enum db_origin origin)
{
	static const char *const names[DB_ORIGIN_COUNT] = { [DB_DAEMON] = "daemon", [DB_LOCAL] = "local" };

	return names[origin];
}

void db_row_done(struct db_row *row)
{
	free(row->id);
	free(row->group);
	free(row->application);
	free(row->token);
	json_decref(row->request);
	json_decref(row->document);
	*row = (struct db_row){ 0 };
}

void db_rows_done(struct db_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		db_row_done(&rows->items[i]);
	free(rows->items);
	*rows = (struct db_rows){ 0 };
}

int db_prepare(struct db *db)
{
	int r = SQLITE_OK;

	for (size_t i = 0; r == SQLITE_OK && i < DB_STATEMENT_COUNT; i++)
		r = sqlite3_prepare_v3(db->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
	return r;
}

/* A statement in use; given back, it holds no lock and nothing borrowed. */
static void give_backp(sqlite3_stmt **s)
{
	(void)sqlite3_reset(*s); /* says again what the last step said */
	(void)sqlite3_clear_bindings(*s);
}

/* Binding fails for want of memory, or of a number that the statement does not have: neither is borne. */
static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC) != SQLITE_OK)
		abort();
}

static void bind_number(sqlite3_stmt *s, int at, int64_t number)
{
	if (sqlite3_bind_int64(s, at, number) != SQLITE_OK)
		abort();
}

/* -1, or how many rows were changed. */
static int change(struct db *db, sqlite3_stmt *s, const char *doing, struct err *err)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		return db_fail(db, doing, err);
	return sqlite3_changes(db->sql);
}

static int control(struct db *db, enum db_statement which, const char *doing, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[which];

	return sqlite3_step(s) == SQLITE_DONE ? 0 : db_fail(db, doing, err);
}

int db_begin(struct db *db, struct err *err)
{
	return control(db, DB_BEGIN, "beginning", err);
}

int db_commit(struct db *db, struct err *err)
{
	return control(db, DB_COMMIT, "committing", err);
}

void db_undo(struct db *db)
{
	struct err ignored = ERR_INIT; /* SQLite may have undone it by itself, when the disk was full */

	if (!sqlite3_get_autocommit(db->sql))
		(void)control(db, DB_ROLLBACK, "undoing", &ignored);
}

static bool leaves_work(const json_t *document)
{
	return json_is_true(json_object_get(document, "needs_recovery"));
}

int db_insert(struct db *db, const struct db_row *row, struct err *err)
{
	AUTO_FREE char *request = row->request ? json_dumps(row->request, JSON_COMPACT) : NULL;
	AUTO_FREE char *document = json_dumps(row->document, JSON_COMPACT);
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_INSERT];

	bind_text(s, 1, row->id);
	bind_text(s, 2, row->group);
	bind_text(s, 3, row->application);
	bind_text(s, 4, deployment_status_name(row->status));
	bind_number(s, 5, row->created_at_ms);
	bind_number(s, 6, row->started_at_ms);
	bind_number(s, 7, row->finished_at_ms);
	bind_text(s, 8, row->token);
	bind_number(s, 9, row->uid);
	bind_text(s, 10, db_origin_name(row->origin));
	bind_number(s, 11, leaves_work(row->document));
	bind_text(s, 12, request);
	bind_text(s, 13, document);
	return change(db, s, "recording a deployment", err);
}

int db_start(struct db *db, const char *id, int64_t started_at_ms, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_START];

	bind_text(s, 1, id);
	bind_number(s, 2, started_at_ms);
	return change(db, s, "recording a start", err);
}

int db_set_document(struct db *db, const char *id, const json_t *document, struct err *err)
{
	AUTO_FREE char *text = json_dumps(document, JSON_COMPACT);
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_SET_DOCUMENT];

	bind_text(s, 1, id);
	bind_text(s, 2, text);
	bind_number(s, 3, leaves_work(document));
	return change(db, s, "recording progress", err);
}

int db_finish(struct db *db, const char *id, enum deployment_status status, int64_t finished_at_ms,
	      const json_t *document, struct err *err)
{
	AUTO_FREE char *text = json_dumps(document, JSON_COMPACT);
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FINISH];

	bind_text(s, 1, id);
	bind_text(s, 2, text);
	bind_number(s, 3, leaves_work(document));
	bind_text(s, 4, deployment_status_name(status));
	bind_number(s, 5, finished_at_ms);
	return change(db, s, "recording a result", err);
}

static const char *text_at(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text ? text : "";
}

static char *copy_at(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL ? NULL : xstrdup(text_at(s, column));
}

static int status_at(sqlite3_stmt *s, int column, enum deployment_status *out)
{
	for (int i = 0; i < DEPLOYMENT_STATUS_COUNT; i++)
		if (!strcmp(text_at(s, column), deployment_status_name((enum deployment_status)i))) {
			*out = (enum deployment_status)i;
			return 0;
		}
	return -1;
}

/* In the order of COLUMNS. */
static int read_row(sqlite3_stmt *s, struct db_row *out, struct err *err)
{
	AUTO(db_row_done)
	struct db_row row = {
		.sequence = sqlite3_column_int64(s, 0),
		.id = xstrdup(text_at(s, 1)),
		.group = xstrdup(text_at(s, 2)),
		.application = xstrdup(text_at(s, 3)),
		.created_at_ms = sqlite3_column_int64(s, 5),
		.started_at_ms = sqlite3_column_int64(s, 6),
		.finished_at_ms = sqlite3_column_int64(s, 7),
		.token = copy_at(s, 8),
		.uid = (unsigned)sqlite3_column_int64(s, 9),
		.origin = strcmp(text_at(s, 10), db_origin_name(DB_LOCAL)) ? DB_DAEMON : DB_LOCAL,
		.needs_recovery = sqlite3_column_int(s, 11) != 0,
		.request = json_loads(text_at(s, 12), 0, NULL), /* "" when there is none */
		.document = json_loads(text_at(s, 13), 0, NULL),
	};

	if (status_at(s, 4, &row.status) < 0 || !row.document)
		return err_set(err, ERR_STATE,
			       DB_NAME ": what it has of deployment '%s' is damaged; restart the daemon", row.id);
	*out = row;
	row = (struct db_row){ 0 };
	return 0;
}

/* 1: *OUT is the first row of S; 0: it has none. */
static int one(struct db *db, sqlite3_stmt *s, struct db_row *out, struct err *err)
{
	int r = sqlite3_step(s);

	if (r == SQLITE_DONE)
		return 0;
	if (r != SQLITE_ROW)
		return db_fail(db, "looking for a deployment", err);
	return read_row(s, out, err) < 0 ? -1 : 1;
}

static int all(struct db *db, sqlite3_stmt *s, struct db_rows *out, struct err *err)
{
	AUTO(db_rows_done) struct db_rows rows = { 0 };
	size_t room = 0;
	int r;

	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		if (rows.count == room) {
			room = room ? 2 * room : 16;
			rows.items = xrealloc(rows.items, room * sizeof(*rows.items));
		}
		if (read_row(s, &rows.items[rows.count], err) < 0)
			return -1;
		rows.count++;
	}
	if (r != SQLITE_DONE)
		return db_fail(db, "listing deployments", err);
	*out = rows;
	rows = (struct db_rows){ 0 };
	return 0;
}

int db_find(struct db *db, const char *id, struct db_row *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FIND];

	bind_text(s, 1, id);
	return one(db, s, out, err);
}

int db_find_token(struct db *db, unsigned uid, const char *token, struct db_row *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FIND_TOKEN];

	bind_number(s, 1, uid);
	bind_text(s, 2, token);
	return one(db, s, out, err);
}

/* The statement of db_list(), bound. */
static sqlite3_stmt *newest(struct db *db, const char *group, unsigned limit)
{
	sqlite3_stmt *s = db->statements[group ? DB_LIST_GROUP : DB_LIST];

	bind_number(s, 1, limit);
	if (group)
		bind_text(s, 2, group);
	return s;
}

int db_find_latest(struct db *db, const char *group, struct db_row *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = newest(db, group, 1);

	return one(db, s, out, err);
}

int db_find_later(struct db *db, const struct db_row *row, struct db_row *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FIND_LATER];

	bind_text(s, 1, row->group);
	bind_number(s, 2, row->sequence);
	bind_text(s, 3, db_origin_name(row->origin));
	return one(db, s, out, err);
}

int db_find_status(struct db *db, const char *id, enum deployment_status *out, bool *needs_recovery, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FIND_STATUS];

	bind_text(s, 1, id);

	int r = sqlite3_step(s);

	if (r == SQLITE_DONE)
		return 0;
	if (r != SQLITE_ROW)
		return db_fail(db, "looking for a deployment", err);
	if (status_at(s, 0, out) < 0)
		return err_set(err, ERR_STATE, DB_NAME ": the status of deployment '%s' is damaged; restart the daemon",
			       id);
	*needs_recovery = sqlite3_column_int(s, 1) != 0;
	return 1;
}

int db_list(struct db *db, const char *group, unsigned limit, struct db_rows *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = newest(db, group, limit);

	return all(db, s, out, err);
}

int db_list_unended(struct db *db, struct db_rows *out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_LIST_UNENDED];

	return all(db, s, out, err);
}

int db_list_groups(struct db *db, char ***out, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_LIST_GROUPS];
	char **names = xcalloc(1, sizeof(*names));
	size_t count = 0;
	int r;

	while ((r = sqlite3_step(s)) == SQLITE_ROW) {
		names = xrealloc(names, (count + 2) * sizeof(*names));
		names[count++] = xstrdup(text_at(s, 0));
		names[count] = NULL;
	}
	if (r != SQLITE_DONE) {
		jstrings_free(names);
		return db_fail(db, "listing groups", err);
	}
	*out = names;
	return 0;
}

static int removed(struct db *db, sqlite3_stmt *s, unsigned *rows, struct err *err)
{
	int n = change(db, s, "removing deployments", err);

	if (n < 0)
		return -1;
	*rows = (unsigned)n;
	return 0;
}

int db_forget(struct db *db, const char *group, const char *spared, unsigned *rows, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_FORGET];

	bind_text(s, 1, group);
	bind_text(s, 2, spared); /* NULL binds NULL, which no id is */
	return removed(db, s, rows, err);
}

int db_prune(struct db *db, unsigned keep, unsigned *rows, struct err *err)
{
	AUTO(give_backp) sqlite3_stmt *s = db->statements[DB_PRUNE];

	bind_number(s, 1, keep);
	return removed(db, s, rows, err);
}
