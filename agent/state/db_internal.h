/* state/db_internal.h - what db.c (rows) and db_open.c (the file) share. */
#pragma once

#include "state/db.h"

#include <sqlite3.h>

enum db_statement {
	DB_BEGIN,
	DB_COMMIT,
	DB_ROLLBACK,
	DB_INSERT,
	DB_START,
	DB_SET_DOCUMENT,
	DB_FINISH,
	DB_FIND,
	DB_FIND_TOKEN,
	DB_FIND_STATUS,
	DB_FIND_LATER,
	DB_LIST,
	DB_LIST_GROUP,
	DB_LIST_UNENDED,
	DB_LIST_GROUPS,
	DB_FORGET,
	DB_PRUNE,
	DB_STATEMENT_COUNT
};

struct db {
	sqlite3 *sql;
	sqlite3_stmt *statements[DB_STATEMENT_COUNT]; /* prepared once */
};

/* Prepare all statements; a result code of SQLite. */
int db_prepare(struct db *db);
/* -1: ERR says what SQLite has against DOING. */
int db_fail(const struct db *db, const char *doing, struct err *err);
