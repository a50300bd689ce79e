#include "state/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "open_scratch.h"
#include "state/db_internal.h"
#include "util/fs.h"
#include "util/str.h"

#include <sys/stat.h>
#include <sys/wait.h>

static struct db *must_open(const struct place *p, int want)
{
	AUTO_FREE char *told = NULL;
	struct err err = ERR_INIT;
	struct db *db = NULL;
	int r = db_open(p->path, &db, &told, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(want, r);
	assert_true((told != NULL) == (r == 1));
	return db;
}

static struct db_row a_row(const char *id, const char *group, int64_t created_at_ms)
{
	return (struct db_row){
		.id = xstrdup(id),
		.group = xstrdup(group),
		.application = xstrdup("shop"),
		.created_at_ms = created_at_ms,
		.uid = 1000,
		.request = json_pack("{s:s}", "id", id),
		.document = json_pack("{s:s}", "status", "Queued"),
	};
}

static int insert(struct db *db, const char *id, const char *group, int64_t created_at_ms)
{
	AUTO(db_row_done) struct db_row row = a_row(id, group, created_at_ms);
	struct err err = ERR_INIT;
	int r = db_insert(db, &row, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	return r;
}

static void finish(struct db *db, const char *id, enum deployment_status status, bool needs_recovery)
{
	json_t *document = json_pack("{s:b}", "needs_recovery", needs_recovery);
	struct err err = ERR_INIT;

	assert_int_equal(1, db_finish(db, id, status, 99, document, &err));
	json_decref(document);
}

/* The ids of ROWS with a blank after each; the caller frees them. */
static char *ids(const struct db_rows *rows)
{
	AUTO(str_done) struct str text = STR_INIT(1000);

	for (size_t i = 0; i < rows->count; i++)
		assert_int_equal(0, str_printf(&text, "%s ", rows->items[i].id));
	return str_take(&text);
}

static void assert_list(struct db *db, const char *group, unsigned limit, const char *want)
{
	AUTO(db_rows_done) struct db_rows rows = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(0, db_list(db, group, limit, &rows, &err));

	AUTO_FREE char *text = ids(&rows);

	assert_string_equal(want, text);
}

static void what_was_recorded_is_there_at_the_next_start(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_row_done) struct db_row found = { 0 };
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	{
		AUTO(db_freep) struct db *db = must_open(&p, 1);
		AUTO(db_row_done) struct db_row row = a_row("d-1", "gr\xfc\xdf", 5);

		row.token = xstrdup("t");
		assert_int_equal(1, db_insert(db, &row, &err));
		assert_int_equal(1, db_start(db, "d-1", 7, &err));
	}
	AUTO(db_freep) struct db *db = must_open(&p, 0);

	assert_int_equal(1, db_find(db, "d-1", &found, &err));
	assert_string_equal("gr\xfc\xdf", found.group);
	assert_string_equal("shop", found.application);
	assert_string_equal("t", found.token);
	assert_int_equal(DEPLOYMENT_IN_PROGRESS, found.status);
	assert_int_equal(1, found.sequence);
	assert_int_equal(5, found.created_at_ms);
	assert_int_equal(7, found.started_at_ms);
	assert_int_equal(0, found.finished_at_ms);
	assert_int_equal(1000, found.uid);
	assert_string_equal("d-1", json_string_value(json_object_get(found.request, "id")));
	assert_string_equal("Queued", json_string_value(json_object_get(found.document, "status")));
	assert_int_equal(0, fstatat(p.fd, DB_NAME, &st, 0));
	assert_int_equal(0600, st.st_mode & 07777);
	assert_int_equal(0, fstatat(p.fd, DB_NAME "-wal", &st, 0));
	assert_int_equal(0600, st.st_mode & 07777);
}

static void a_deployment_is_followed_to_its_end(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	AUTO(db_row_done) struct db_row row = { 0 };
	enum deployment_status status = DEPLOYMENT_QUEUED;
	json_t *document = json_pack("{s:s}", "now", "something");
	bool needs_recovery = true;
	struct err err = ERR_INIT;

	(void)state;
	insert(db, "d-1", "g", 1);
	assert_int_equal(1, db_set_document(db, "d-1", document, &err));
	finish(db, "d-1", DEPLOYMENT_FAILED, true);
	assert_int_equal(1, db_find_status(db, "d-1", &status, &needs_recovery, &err));
	assert_int_equal(DEPLOYMENT_FAILED, status);
	assert_true(needs_recovery);
	finish(db, "d-1", DEPLOYMENT_FAILED, false);
	assert_int_equal(1, db_find(db, "d-1", &row, &err));
	assert_false(row.needs_recovery);
	assert_int_equal(99, row.finished_at_ms);
	assert_null(row.request);
	assert_int_equal(0, db_start(db, "d-2", 1, &err));
	assert_int_equal(0, db_set_document(db, "d-2", document, &err));
	assert_int_equal(0, db_finish(db, "d-2", DEPLOYMENT_FAILED, 1, document, &err));
	assert_int_equal(0, db_find_status(db, "d-2", &status, &needs_recovery, &err));
	json_decref(document);
}

static void nothing_is_recorded_twice(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	static const struct {
		const char *why, *id, *token;
		unsigned uid;
		int want;
	} cases[] = {
		{ "the first", "d-1", "t", 1, 1 },
		{ "the same id", "d-1", "u", 1, 0 },
		{ "the same token of the same user", "d-2", "t", 1, 0 },
		{ "the same token of another user", "d-3", "t", 2, 1 },
		{ "no token", "d-4", NULL, 1, 1 },
		{ "no token again", "d-5", NULL, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(db_row_done) struct db_row row = a_row(cases[i].id, "g", 1);
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		row.token = cases[i].token ? xstrdup(cases[i].token) : NULL;
		row.uid = cases[i].uid;
		assert_int_equal(cases[i].want, db_insert(db, &row, &err));
	}

	AUTO(db_row_done) struct db_row found = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(1, db_find_token(db, 2, "t", &found, &err));
	assert_string_equal("d-3", found.id);
	assert_int_equal(0, db_find_token(db, 3, "t", &found, &err));
}

static void lists_are_newest_first(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	AUTO(db_rows_done) struct db_rows unended = { 0 };
	AUTO(db_row_done) struct db_row latest = { 0 }, none = { 0 };
	struct err err = ERR_INIT;
	char **groups = NULL;

	(void)state;
	insert(db, "d-b", "web", 20);
	insert(db, "d-a", "web", 10);
	insert(db, "d-c", "db", 15);
	insert(db, "d-d", "web", 20);
	assert_list(db, NULL, 100, "d-d d-b d-c d-a ");
	assert_list(db, "web", 100, "d-d d-b d-a ");
	assert_list(db, NULL, 2, "d-d d-b ");
	assert_list(db, "no", 2, "");
	assert_int_equal(1, db_find_latest(db, "db", &latest, &err));
	assert_string_equal("d-c", latest.id);
	assert_int_equal(0, db_find_latest(db, "no", &none, &err));
	finish(db, "d-a", DEPLOYMENT_SUCCEEDED, false);
	assert_int_equal(0, db_list_unended(db, &unended, &err));

	AUTO_FREE char *text = ids(&unended);

	assert_string_equal("d-b d-c d-d ", text);
	assert_int_equal(0, db_list_groups(db, &groups, &err));
	assert_string_equal("db", groups[0]);
	assert_string_equal("web", groups[1]);
	assert_null(groups[2]);
	jstrings_free(groups);
}

static void pruning_keeps_the_newest_and_what_is_not_done_with(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	struct err err = ERR_INIT;
	unsigned rows = 0;

	(void)state;
	for (int i = 1; i <= 6; i++) {
		AUTO_FREE char *id = xasprintf("d-%d", i);

		insert(db, id, "web", i);
		if (i != 2) /* waits since long ago */
			finish(db, id, DEPLOYMENT_SUCCEEDED, i == 1);
	}
	insert(db, "d-other", "db", 1);
	finish(db, "d-other", DEPLOYMENT_STOPPED, false);
	assert_int_equal(0, db_prune(db, 2, &rows, &err));
	assert_int_equal(2, rows);
	assert_list(db, NULL, 100, "d-6 d-5 d-2 d-other d-1 ");
	assert_int_equal(0, db_forget(db, "web", "d-5", &rows, &err));
	assert_int_equal(3, rows);
	assert_list(db, NULL, 100, "d-5 d-other ");
	assert_int_equal(0, db_forget(db, "web", NULL, &rows, &err));
	assert_int_equal(1, rows);
	assert_list(db, NULL, 100, "d-other ");
}

static void what_came_later_is_of_the_same_group_and_origin(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	AUTO(db_row_done) struct db_row first = { 0 }, later = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	insert(db, "d-1", "web", 9); /* made last, by the clock: the arrival counts */
	insert(db, "d-2", "db", 2);
	assert_int_equal(1, db_find(db, "d-1", &first, &err));
	assert_int_equal(0, db_find_later(db, &first, &later, &err));
	insert(db, "d-3", "web", 3);
	insert(db, "d-4", "web", 4);
	first.origin = DB_LOCAL;
	assert_int_equal(0, db_find_later(db, &first, &later, &err));
	first.origin = DB_DAEMON;
	assert_int_equal(1, db_find_later(db, &first, &later, &err));
	assert_string_equal("d-3", later.id);
}

static void what_is_undone_never_was(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, db_begin(db, &err));
	insert(db, "d-1", "g", 1);
	db_undo(db);
	db_undo(db);
	assert_list(db, NULL, 9, "");
	assert_int_equal(0, db_begin(db, &err));
	insert(db, "d-1", "g", 1);
	assert_int_equal(-1, db_begin(db, &err));
	assert_int_equal(0, db_commit(db, &err));
	assert_list(db, NULL, 9, "d-1 ");
}

/* A database of some size, closed. */
static void fill(const struct place *p)
{
	AUTO(db_freep) struct db *db = must_open(p, 1);
	struct err err = ERR_INIT;

	assert_int_equal(0, db_begin(db, &err));
	for (int i = 0; i < 200; i++) {
		AUTO_FREE char *id = xasprintf("d-%d", i);

		insert(db, id, "g", i);
	}
	assert_int_equal(0, db_commit(db, &err));
}

static void overwrite(const struct place *p, off_t offset, size_t len)
{
	AUTO_FD int fd = openat(p->fd, DB_NAME, O_WRONLY);
	AUTO_FREE char *bytes = xmalloc(len);

	memset(bytes, 0x5a, len);
	assert_int_equal(len, pwrite(fd, bytes, len, offset));
}

static void truncate_to(const struct place *p, off_t size)
{
	AUTO_FD int fd = openat(p->fd, DB_NAME, O_WRONLY);

	assert_int_equal(0, ftruncate(fd, size));
}

static void execute(const struct place *p, const char *sql)
{
	AUTO_FREE char *path = xasprintf("%s/" DB_NAME, p->path);
	sqlite3 *other = NULL;

	assert_int_equal(SQLITE_OK, sqlite3_open(path, &other));
	if (sqlite3_exec(other, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(other));
	assert_int_equal(SQLITE_OK, sqlite3_close(other));
}

static size_t asides(const struct place *p)
{
	AUTO_DIR DIR *dir = opendir(p->path);
	size_t n = 0;

	for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += str_starts(e->d_name, DB_NAME ".damaged-");
	return n;
}

static const struct {
	const char *why;
	off_t offset; /* garbage from here on */
	size_t len;
	off_t size; /* cut to this; 0: not */
	const char *sql;
} damages[] = {
	{ "its first page", 0, 4096, 0, NULL },
	{ "all of it", 0, 40960, 0, NULL },
	{ "pages in the middle", 8192, 16384, 0, NULL },
	{ "cut in the middle", 0, 0, 10000, NULL },
	{ "cut in its header", 0, 0, 50, NULL },
	{ "the table is gone", 0, 0, 0, "DROP TABLE deployments" },
	{ "a column is gone", 0, 0, 0, "ALTER TABLE deployments DROP COLUMN finished_at" },
	{ "a document that is no JSON", 0, 0, 0,
	  "PRAGMA ignore_check_constraints = ON; UPDATE deployments SET document = '{' WHERE id = 'd-7'" },
	{ "a status that is none", 0, 0, 0,
	  "PRAGMA ignore_check_constraints = ON; UPDATE deployments SET status = 'x' WHERE id = 'd-7'" },
	{ "somebody else's database", 0, 0, 0,
	  "DROP TABLE deployments; CREATE TABLE deployments (a); "
	  "PRAGMA user_version = 0" },
};

static void a_damaged_database_is_moved_aside(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		AUTO(place_done) struct place p = place_new();
		AUTO_FREE char *told = NULL;
		struct err err = ERR_INIT;

		print_message("  %s\n", damages[i].why);
		fill(&p);
		if (damages[i].len)
			overwrite(&p, damages[i].offset, damages[i].len);
		if (damages[i].size)
			truncate_to(&p, damages[i].size);
		if (damages[i].sql)
			execute(&p, damages[i].sql);

		AUTO(db_freep) struct db *db = NULL;

		if (db_open(p.path, &db, &told, &err) != 1)
			fail_msg("%s", err.msg);
		assert_non_null(strstr(told, "moved aside as 'state.db.damaged-"));
		assert_int_equal(1, asides(&p));
		assert_list(db, NULL, 9, "");
		assert_int_equal(1, insert(db, "d-1", "g", 1));
	}
}

static void an_empty_file_counts_as_none(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	fill(&p);
	truncate_to(&p, 0);

	AUTO(db_freep) struct db *db = must_open(&p, 1);

	assert_int_equal(0, asides(&p));
	assert_list(db, NULL, 9, "");
}

static void only_the_newest_damaged_database_stays(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct err err = ERR_INIT;

	(void)state;
	fill(&p);
	assert_int_equal(0, fs_write_file(p.fd, DB_NAME ".damaged-1", "x", 1, 0600, &err));
	assert_int_equal(0, fs_write_file(p.fd, DB_NAME ".damaged-1-wal", "x", 1, 0600, &err));
	overwrite(&p, 0, 4096);

	AUTO(db_freep) struct db *db = must_open(&p, 1);

	assert_int_equal(1, asides(&p));
	assert_int_equal(-1, faccessat(p.fd, DB_NAME ".damaged-1", F_OK, 0));
}

static void a_left_over_log_does_not_disturb_the_new_database(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct err err = ERR_INIT;

	(void)state;
	fill(&p);
	overwrite(&p, 0, 4096);
	assert_int_equal(0, fs_write_file(p.fd, DB_NAME "-wal", "a log", 5, 0600, &err));

	AUTO(db_freep) struct db *db = must_open(&p, 1);

	assert_true(asides(&p) >= 1); /* SQLite may have thrown the log away itself */
	assert_list(db, NULL, 9, "");
	assert_int_equal(1, insert(db, "d-1", "g", 1));
}

static void a_newer_version_is_refused_and_left_alone(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO_FREE char *told = NULL;
	struct err err = ERR_INIT;
	struct db *db = NULL;

	(void)state;
	fill(&p);
	execute(&p, "PRAGMA user_version = 7");
	assert_int_equal(-1, db_open(p.path, &db, &told, &err));
	assert_int_equal(ERR_STATE, err.kind);
	assert_non_null(strstr(err.msg, "version 7, this agent knows up to version 1"));
	assert_null(db);
	execute(&p, "PRAGMA user_version = 1");
	db_free(must_open(&p, 0));
}

static void a_link_is_not_followed(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO_FREE char *told = NULL;
	struct err err = ERR_INIT;
	struct db *db = NULL;

	(void)state;
	assert_int_equal(0, symlinkat("/dev/null", p.fd, DB_NAME));
	assert_int_equal(-1, db_open(p.path, &db, &told, &err));
	assert_int_equal(ERR_SYS, err.kind);
}

static void the_state_folder_is_made(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO_FREE char *path = xasprintf("%s/var/lib/slipway", p.path), *told = NULL;
	AUTO(db_freep) struct db *db = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(1, db_open(path, &db, &told, &err));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0711, st.st_mode & 07777);
	assert_int_equal(0, fstatat(p.fd, "var", &st, 0));
	assert_int_equal(0755, st.st_mode & 07777);
}

static void a_row_damaged_while_we_run_is_an_error_with_a_cure(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	AUTO(db_row_done) struct db_row row = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	insert(db, "d-1", "g", 1);
	execute(&p, "PRAGMA ignore_check_constraints = ON; UPDATE deployments SET document = '{'");
	assert_int_equal(-1, db_find(db, "d-1", &row, &err));
	assert_int_equal(ERR_STATE, err.kind);
	assert_non_null(strstr(err.msg, "deployment 'd-1' is damaged; restart the daemon"));
}

static void a_full_disk_is_told_as_such_and_may_pass(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(db_freep) struct db *db = must_open(&p, 1);
	AUTO(db_row_done) struct db_row row = a_row("d-1", "g", 1);
	AUTO_FREE char *large = xmalloc(100000);
	struct err err = ERR_INIT;

	(void)state;
	memset(large, 'x', 99999);
	large[99999] = '\0';
	assert_int_equal(0, json_object_set_new(row.document, "now", json_string(large)));
	assert_int_equal(SQLITE_OK, sqlite3_exec(db->sql, "PRAGMA max_page_count = 15", NULL, NULL, NULL));
	assert_int_equal(0, db_begin(db, &err));
	assert_int_equal(-1, db_insert(db, &row, &err));
	assert_int_equal(ERR_NO_SPACE, err.kind);
	db_undo(db);
	assert_int_equal(SQLITE_OK, sqlite3_exec(db->sql, "PRAGMA max_page_count = 1000", NULL, NULL, NULL));
	assert_int_equal(1, db_insert(db, &row, &err));
	assert_list(db, NULL, 9, "d-1 ");
}

static void what_was_recorded_survives_the_end_of_the_process(void **state)
{
	AUTO(place_done) struct place p = place_new();
	int status = 0;

	(void)state;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct db *db = must_open(&p, 1);
		struct err err = ERR_INIT;

		insert(db, "d-1", "g", 1);
		if (db_begin(db, &err) == 0)
			insert(db, "d-2", "g", 2);
		_exit(0); /* in the middle of something, and nothing closed */
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_int_equal(0, status);

	AUTO(db_freep) struct db *db = must_open(&p, 0);

	assert_list(db, NULL, 9, "d-1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_recorded_is_there_at_the_next_start),
		cmocka_unit_test(a_deployment_is_followed_to_its_end),
		cmocka_unit_test(nothing_is_recorded_twice),
		cmocka_unit_test(lists_are_newest_first),
		cmocka_unit_test(pruning_keeps_the_newest_and_what_is_not_done_with),
		cmocka_unit_test(what_came_later_is_of_the_same_group_and_origin),
		cmocka_unit_test(what_is_undone_never_was),
		cmocka_unit_test(a_damaged_database_is_moved_aside),
		cmocka_unit_test(an_empty_file_counts_as_none),
		cmocka_unit_test(only_the_newest_damaged_database_stays),
		cmocka_unit_test(a_left_over_log_does_not_disturb_the_new_database),
		cmocka_unit_test(a_newer_version_is_refused_and_left_alone),
		cmocka_unit_test(a_link_is_not_followed),
		cmocka_unit_test(the_state_folder_is_made),
		cmocka_unit_test(a_row_damaged_while_we_run_is_an_error_with_a_cure),
		cmocka_unit_test(a_full_disk_is_told_as_such_and_may_pass),
		cmocka_unit_test(what_was_recorded_survives_the_end_of_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
