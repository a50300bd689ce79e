#include "daemon/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "open_scratch.h"
#include "util/fs.h"
#include "util/str.h"

#include <sys/stat.h>
#include <time.h>

/* A state folder with a database and a deployment root, and what the last scan told. */
struct host {
	struct place place;
	char *root;
	struct db *db;
	struct history *history;
	struct str told; /* "unended g/d-1 42; " */
};

static struct host host_new(void)
{
	struct host h = { .place = place_new(), .told = STR_INIT(100000) };
	AUTO_FREE char *told = NULL;
	struct err err = ERR_INIT;

	h.root = xasprintf("%s/deployment-root", h.place.path);
	assert_int_equal(1, db_open(h.place.path, &h.db, &told, &err));
	h.history = history_new(h.db, h.root);
	return h;
}

static void host_done(struct host *h)
{
	history_free(h->history);
	db_free(h->db);
	free(h->root);
	str_done(&h->told);
	place_done(&h->place);
}

static void on_unended(void *context, const char *group, const char *id, pid_t pid)
{
	(void)str_printf(&((struct host *)context)->told, "unended %s/%s %d; ", group, id, (int)pid);
}

static void on_needs_recovery(void *context, const char *group, const char *id)
{
	(void)str_printf(&((struct host *)context)->told, "needs recovery %s/%s; ", group, id);
}

static void on_trouble(void *context, const char *text)
{
	(void)str_printf(&((struct host *)context)->told, "%s; ", text);
}

static const char *scan(struct host *h)
{
	const struct history_watch watch = { on_unended, on_needs_recovery, on_trouble, h };
	struct err err = ERR_INIT;

	str_clear(&h->told);
	if (history_scan(h->history, &watch, &err) < 0)
		fail_msg("%s", err.msg);
	return str_text(&h->told);
}

static void put(struct host *h, const char *path, const char *text)
{
	AUTO_FREE char *file = xasprintf("%s/%s", h->root, path);
	AUTO_FREE char *folder = xstrdup(file);
	struct err err = ERR_INIT;

	*strrchr(folder, '/') = '\0';
	assert_int_equal(0, fs_make_path(folder, 0755, &err));

	AUTO_FD int fd = fs_open_dir(folder, &err);

	assert_int_equal(0, fs_write_file(fd, strrchr(file, '/') + 1, text, strlen(text), 0644, &err));
}

static struct deployment a_deployment(const char *group, const char *id)
{
	struct deployment d = {
		.id = xstrdup(id),
		.application = xstrdup("shop"),
		.group = xstrdup(group),
		.group_name = xstrdup(group),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.requested_by_uid = 1000,
		.token = xasprintf("token of %s", id),
		.revision = { REVISION_LOCAL_FILE, xstrdup("/b.tgz"), xstrdup("tgz") },
	};

	settings_defaults(&d.settings, "/r");
	return d;
}

static void put_json(struct host *h, const char *group, const char *id, const char *name, json_t *json)
{
	AUTO_FREE char *path = xasprintf("%s/%s/%s", group, id, name), *text = json_dumps(json, 0);

	put(h, path, text);
	json_decref(json);
}

static void put_request(struct host *h, const char *group, const char *id, int pid)
{
	AUTO(deployment_done) struct deployment d = a_deployment(group, id);

	put_json(h, group, id, "request.json",
		 json_pack("{s:i, s:i, s:s, s:o}", "schema", 1, "pid", pid, "started_at", "2026-11-22T20:11:00Z",
			   "request", deployment_to_json(&d)));
}

static void put_result(struct host *h, const char *group, const char *id, enum deployment_status status,
		       bool needs_recovery)
{
	AUTO(deployment_done) struct deployment d = a_deployment(group, id);
	const struct deployment_result r = {
		.status = status,
		.created_at_ms = 1000,
		.started_at_ms = 2000,
		.finished_at_ms = 3000,
		.needs_recovery = needs_recovery,
	};

	put_json(h, group, id, "result.json", deployment_result_to_json(&d, &r));
}

/* As if nothing had changed there for long. */
static void age(struct host *h, const char *group)
{
	const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	AUTO_FREE char *path = xasprintf("%s/%s", h->root, group);

	assert_int_equal(0, utimensat(AT_FDCWD, path, old, 0));
}

static struct db_row row_of(struct host *h, const char *id)
{
	struct db_row row = { 0 };
	struct err err = ERR_INIT;

	if (db_find(h->db, id, &row, &err) != 1)
		fail_msg("there is no row of %s", id);
	return row;
}

static bool has_row(struct host *h, const char *id)
{
	enum deployment_status status;
	bool needs_recovery;
	struct err err = ERR_INIT;

	return db_find_status(h->db, id, &status, &needs_recovery, &err) == 1;
}

static void no_deployment_root_is_fine(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	assert_string_equal("", scan(&h));
}

static void what_has_ended_is_imported(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_request(&h, "web", "d-1", 42);
	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false);
	put_request(&h, "gr\xfc\xdf", "d-2-local", 43);
	put_result(&h, "gr\xfc\xdf", "d-2-local", DEPLOYMENT_FAILED, false);
	assert_string_equal("", scan(&h));

	AUTO(db_row_done) struct db_row row = row_of(&h, "d-1"), local = row_of(&h, "d-2-local");

	assert_string_equal("web", row.group);
	assert_string_equal("shop", row.application);
	assert_string_equal("token of d-1", row.token);
	assert_int_equal(1000, row.uid);
	assert_int_equal(DEPLOYMENT_SUCCEEDED, row.status);
	assert_int_equal(DB_DAEMON, row.origin);
	assert_int_equal(1000, row.created_at_ms);
	assert_int_equal(2000, row.started_at_ms);
	assert_int_equal(3000, row.finished_at_ms);
	assert_string_equal("Succeeded", json_string_value(json_object_get(row.document, "status")));
	assert_string_equal("gr\xfc\xdf", local.group);
	assert_int_equal(DB_LOCAL, local.origin);
}

static void what_has_not_ended_is_told_at_every_scan(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_request(&h, "web", "d-1", 42);
	age(&h, "web");
	assert_string_equal("unended web/d-1 42; ", scan(&h));
	assert_string_equal("unended web/d-1 42; ", scan(&h));

	AUTO(db_row_done) struct db_row row = row_of(&h, "d-1");

	assert_int_equal(DEPLOYMENT_IN_PROGRESS, row.status);
	assert_int_equal(INT64_C(1795378260000), row.created_at_ms);
	assert_string_equal("InProgress", json_string_value(json_object_get(row.document, "status")));
	assert_string_equal("shop", json_string_value(json_object_get(row.document, "application")));
	assert_non_null(row.request);

	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false); /* the group's folder does not change */
	assert_string_equal("", scan(&h));

	AUTO(db_row_done) struct db_row ended = row_of(&h, "d-1");

	assert_int_equal(DEPLOYMENT_SUCCEEDED, ended.status);
	assert_int_equal(3000, ended.finished_at_ms);
	assert_null(ended.request);
}

static void work_left_behind_is_told_until_it_is_done(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_request(&h, "web", "d-1", 42);
	put_result(&h, "web", "d-1", DEPLOYMENT_FAILED, true);
	age(&h, "web");
	assert_string_equal("needs recovery web/d-1; ", scan(&h));
	assert_string_equal("needs recovery web/d-1; ", scan(&h));
	{
		struct history *old = h.history;

		h.history = history_new(h.db, h.root); /* the next daemon */
		history_free(old);
	}
	assert_string_equal("needs recovery web/d-1; ", scan(&h));
	put_result(&h, "web", "d-1", DEPLOYMENT_FAILED, false);
	assert_string_equal("", scan(&h));

	AUTO(db_row_done) struct db_row row = row_of(&h, "d-1");

	assert_false(row.needs_recovery);
}

static void a_new_deployment_of_a_known_group_is_seen(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false);
	age(&h, "web");
	assert_string_equal("", scan(&h));
	put_result(&h, "web", "d-2", DEPLOYMENT_SUCCEEDED, false);
	assert_string_equal("", scan(&h));
	assert_true(has_row(&h, "d-2"));
	put_result(&h, "web", "d-3", DEPLOYMENT_SUCCEEDED, false); /* perhaps within the same tick of the clock */
	assert_string_equal("", scan(&h));
	assert_true(has_row(&h, "d-3"));
}

static void nothing_is_read_where_nothing_has_changed(void **state)
{
	AUTO(host_done) struct host h = host_new();
	struct err err = ERR_INIT;
	unsigned rows;

	(void)state;
	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false);
	age(&h, "web");
	assert_string_equal("", scan(&h));
	assert_int_equal(0, db_forget(h.db, "web", NULL, &rows, &err)); /* a scan that looked would bring it back */
	assert_string_equal("", scan(&h));
	assert_false(has_row(&h, "d-1"));
}

static void a_running_deployment_of_ours_is_finished_from_its_folder(void **state)
{
	AUTO(host_done) struct host h = host_new();
	struct err err = ERR_INIT;
	AUTO(db_row_done)
	struct db_row row = {
		.id = xstrdup("d-1"),
		.group = xstrdup("web"),
		.application = xstrdup("shop"),
		.status = DEPLOYMENT_IN_PROGRESS,
		.token = xstrdup("mine"),
		.document = json_object(),
	};

	(void)state;
	assert_int_equal(1, db_insert(h.db, &row, &err));
	put_request(&h, "web", "d-1", 42);
	put_result(&h, "web", "d-1", DEPLOYMENT_STOPPED, false);
	assert_string_equal("", scan(&h));

	AUTO(db_row_done) struct db_row ended = row_of(&h, "d-1");

	assert_int_equal(DEPLOYMENT_STOPPED, ended.status);
	assert_string_equal("mine", ended.token);
}

static void a_token_that_is_taken_costs_no_deployment(void **state)
{
	AUTO(host_done) struct host h = host_new();
	struct err err = ERR_INIT;
	AUTO(db_row_done)
	struct db_row row = {
		.id = xstrdup("d-0"),
		.group = xstrdup("web"),
		.application = xstrdup("shop"),
		.token = xstrdup("token of d-1"),
		.uid = 1000,
		.document = json_object(),
	};

	(void)state;
	assert_int_equal(1, db_insert(h.db, &row, &err));
	put_request(&h, "web", "d-1", 42);
	put_result(&h, "web", "d-1", DEPLOYMENT_STOPPED, false);
	assert_string_equal("", scan(&h));

	AUTO(db_row_done) struct db_row imported = row_of(&h, "d-1");

	assert_null(imported.token);
}

static const struct {
	const char *why, *name, *text;
	const char *told; /* its beginning */
	bool row;
} oddities[] = {
	{ "an empty folder", NULL, NULL, "", false },
	{ "another agent's folder", "deployment-archive", "x", "", false },
	{ "a request cut off", "request.json", "{\"pid\": 4", "unended web/d-1 0; ", true },
	{ "an empty request", "request.json", "", "unended web/d-1 0; ", true },
	{ "a request of init", "request.json", "{\"pid\": 1}", "unended web/d-1 0; ", true },
	{ "a request with a wild pid", "request.json", "{\"pid\": 99999999999}", "unended web/d-1 0; ", true },
	{ "a request about another deployment", "request.json", "{\"pid\": 7, \"request\": {}}", "unended web/d-1 7; ",
	  true },
	{ "a result that is no JSON", "result.json", "{", "history of group 'web': 'd-1/result.json' is no JSON; ",
	  false },
	{ "a result that is a list", "result.json", "[]",
	  "history of group 'web': 'd-1/result.json': result: not a JSON", false },
	{ "a result without a status", "result.json", "{\"schema\":1}",
	  "history of group 'web': 'd-1/result.json': ", false },
	{ "a result of a newer agent", "result.json", "{\"schema\":2}",
	  "history of group 'web': 'd-1/result.json': ", false },
};

static void what_is_odd_harms_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(oddities); i++) {
		AUTO(host_done) struct host h = host_new();
		AUTO_FREE char *path = xasprintf("web/d-1/%s", oddities[i].name ? oddities[i].name : "x");

		print_message("  %s\n", oddities[i].why);
		put(&h, path, oddities[i].text ? oddities[i].text : "");
		if (!oddities[i].name) {
			AUTO_FREE char *file = xasprintf("%s/%s", h.root, path);

			assert_int_equal(0, unlink(file));
		}
		put_result(&h, "web", "d-2", DEPLOYMENT_SUCCEEDED, false);

		const char *told = scan(&h);

		if (!str_starts(told, oddities[i].told) || (!*oddities[i].told && *told))
			fail_msg("'%s' is not '%s'", told, oddities[i].told);
		assert_int_equal(oddities[i].row, has_row(&h, "d-1"));
		assert_true(has_row(&h, "d-2"));
	}
}

static void a_result_of_another_deployment_is_not_believed(void **state)
{
	AUTO(host_done) struct host h = host_new();
	AUTO_FREE char *there = xasprintf("%s/web/d-2", h.root), *here = xasprintf("%s/web/d-1", h.root);

	(void)state;
	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false);
	assert_int_equal(0, rename(here, there));
	put_result(&h, "web", "d-3", DEPLOYMENT_IN_PROGRESS, false);
	(void)scan(&h);
	assert_non_null(strstr(str_text(&h.told), "'d-2/result.json' is about another deployment; "));
	assert_non_null(strstr(str_text(&h.told), "'d-3/result.json' says that it has not ended; "));
	assert_false(has_row(&h, "d-1"));
	assert_false(has_row(&h, "d-2"));
	assert_false(has_row(&h, "d-3"));
}

static void a_deployment_of_ours_with_a_damaged_result_has_failed(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_request(&h, "web", "d-1", 42);
	assert_string_equal("unended web/d-1 42; ", scan(&h));
	put(&h, "web/d-1/result.json", "{\"sch");
	assert_string_equal("history of group 'web': 'd-1/result.json' is no JSON; ", scan(&h));

	AUTO(db_row_done) struct db_row row = row_of(&h, "d-1");
	const json_t *error = json_object_get(row.document, "error");

	assert_int_equal(DEPLOYMENT_FAILED, row.status);
	assert_string_equal("'d-1/result.json' is no JSON", json_string_value(json_object_get(error, "message")));
	assert_string_equal("", scan(&h));
}

static void no_link_is_followed(void **state)
{
	AUTO(host_done) struct host h = host_new();
	AUTO_FREE char *elsewhere = xasprintf("%s/elsewhere", h.place.path);
	AUTO_FREE char *group = xasprintf("%s/linked", h.root), *folder = xasprintf("%s/web/d-1", h.root);
	AUTO_FREE char *from = xasprintf("%s/web/d-2/result.json", h.root);
	AUTO_FREE char *to = xasprintf("%s/web/d-3/result.json", h.root);

	(void)state;
	put_result(&h, "web", "d-2", DEPLOYMENT_SUCCEEDED, false);
	put(&h, "web/d-3/x", "");
	put(&h, "../elsewhere/d-1/request.json", "{}");
	put(&h, "../elsewhere/d-1/result.json", "{}");
	assert_int_equal(0, symlink(elsewhere, group));
	elsewhere = (free(elsewhere), xasprintf("%s/elsewhere/d-1", h.place.path));
	assert_int_equal(0, symlink(elsewhere, folder));
	assert_int_equal(0, symlink(from, to));
	(void)scan(&h);
	assert_true(has_row(&h, "d-2"));
	assert_false(has_row(&h, "d-1"));
	assert_false(has_row(&h, "d-3"));
	assert_non_null(strstr(str_text(&h.told), "'d-3/result.json' is a link, which is not followed; "));
	assert_null(strstr(str_text(&h.told), "linked"));
}

static void a_pipe_in_place_of_a_result_holds_nobody_up(void **state)
{
	AUTO(host_done) struct host h = host_new();
	AUTO_FREE char *path = xasprintf("%s/web/d-1/result.json", h.root);

	(void)state;
	put_request(&h, "web", "d-1", 42);
	assert_int_equal(0, mkfifo(path, 0600));
	assert_string_equal("history of group 'web': 'd-1/result.json' is no file, or one of more than 16 MiB; ",
			    scan(&h));
}

static void the_agents_own_folders_are_no_groups(void **state)
{
	AUTO(host_done) struct host h = host_new();

	(void)state;
	put_result(&h, "deployment-instructions", "d-1", DEPLOYMENT_SUCCEEDED, false);
	put_result(&h, "deployment-logs", "d-2", DEPLOYMENT_SUCCEEDED, false);
	put(&h, "a-file", "x");
	put(&h, "web/a-file", "x");
	assert_string_equal("", scan(&h));
	assert_false(has_row(&h, "d-1"));
	assert_false(has_row(&h, "d-2"));
}

static void a_scan_that_fails_is_made_again(void **state)
{
	AUTO(host_done) struct host h = host_new();
	const struct history_watch watch = { on_unended, on_needs_recovery, on_trouble, &h };
	struct err err = ERR_INIT;

	(void)state;
	put_result(&h, "web", "d-1", DEPLOYMENT_SUCCEEDED, false);
	age(&h, "web");
	assert_int_equal(0, db_begin(h.db, &err)); /* so that the scan cannot begin */
	assert_int_equal(-1, history_scan(h.history, &watch, &err));
	assert_string_equal("", scan(&h));
	assert_true(has_row(&h, "d-1"));
}

static void a_group_that_went_is_forgotten(void **state)
{
	AUTO(host_done) struct host h = host_new();
	AUTO_FD int fd = -1;
	struct err err = ERR_INIT;

	(void)state;
	put_request(&h, "web", "d-1", 42);
	put_request(&h, "api", "d-2", 43);
	(void)scan(&h);
	fd = fs_open_dir(h.root, &err);
	assert_int_equal(0, fs_remove_tree(fd, "web", &err));
	assert_string_equal("unended api/d-2 43; ", scan(&h));
	assert_string_equal("unended api/d-2 43; ", scan(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_deployment_root_is_fine),
		cmocka_unit_test(what_has_ended_is_imported),
		cmocka_unit_test(what_has_not_ended_is_told_at_every_scan),
		cmocka_unit_test(work_left_behind_is_told_until_it_is_done),
		cmocka_unit_test(a_new_deployment_of_a_known_group_is_seen),
		cmocka_unit_test(nothing_is_read_where_nothing_has_changed),
		cmocka_unit_test(a_running_deployment_of_ours_is_finished_from_its_folder),
		cmocka_unit_test(a_token_that_is_taken_costs_no_deployment),
		cmocka_unit_test(what_is_odd_harms_nothing),
		cmocka_unit_test(a_result_of_another_deployment_is_not_believed),
		cmocka_unit_test(a_deployment_of_ours_with_a_damaged_result_has_failed),
		cmocka_unit_test(no_link_is_followed),
		cmocka_unit_test(a_pipe_in_place_of_a_result_holds_nobody_up),
		cmocka_unit_test(the_agents_own_folders_are_no_groups),
		cmocka_unit_test(a_scan_that_fails_is_made_again),
		cmocka_unit_test(a_group_that_went_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
