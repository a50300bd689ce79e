/* The hooks of the host: which names are hooks, whose files are run, in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/host_hooks.h"
#include "process_help.h"

static const struct {
	const char *why, *name;
	enum host_hook_place want;
} names[] = {
	{ "the first there can be", "00-a", HOST_HOOK_BEFORE },
	{ "the last before", "49-a", HOST_HOOK_BEFORE },
	{ "the first after", "50-a", HOST_HOOK_AFTER },
	{ "the last there can be", "99-a.lua", HOST_HOOK_AFTER },
	{ "all that a name may hold", "10-Drain_web.2-b.sh", HOST_HOOK_BEFORE },
	{ "no name behind the number", "10-", HOST_HOOK_NONE },
	{ "no number", "a.sh", HOST_HOOK_NONE },
	{ "one digit", "1-a", HOST_HOOK_NONE },
	{ "three digits", "100-a", HOST_HOOK_NONE },
	{ "no dash", "10a", HOST_HOOK_NONE },
	{ "nothing at all", "", HOST_HOOK_NONE },
	{ "what an editor keeps", "10-a.sh~", HOST_HOOK_NONE },
	{ "what an editor works on", ".10-a.sh.swp", HOST_HOOK_NONE },
	{ "what vim works on", "10-a.swp", HOST_HOOK_NONE },
	{ "what dpkg keeps", "10-a.dpkg-old", HOST_HOOK_NONE },
	{ "a blank", "10-a b", HOST_HOOK_NONE },
	{ "no ASCII", "10-\xc3\xa4", HOST_HOOK_NONE },
};

static void a_number_in_front_makes_a_hook_and_says_when(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		print_message("  %s\n", names[i].why);
		assert_int_equal(names[i].want, host_hook_place(names[i].name));
	}
}

struct fixture {
	char *folder, *event;
	struct settings settings;
	struct host_hooks hooks;
	struct findings findings;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->folder = folder_new();
	f->event = xasprintf("%s/Install", f->folder);
	assert_int_equal(0, mkdir(f->event, 0755));
	f->settings = (struct settings){ .hooks_dir = f->folder, .hooks_timeout_s = 17 };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	host_hooks_done(&f->hooks);
	findings_done(&f->findings);
	scratch_removep(&f->folder);
	free(f->event);
	free(f);
	return 0;
}

static int find(struct fixture *f, const char *event)
{
	host_hooks_done(&f->hooks);
	findings_done(&f->findings);
	f->findings = (struct findings){ 0 };
	f->err = ERR_INIT;
	return host_hooks_find(&f->settings, event, &f->hooks, &f->findings, &f->err);
}

static void they_are_found_in_the_order_of_their_names(void **state)
{
	static const char *const want[] = { "hooks.d/Install/00-z", "hooks.d/Install/10-b.lua", "hooks.d/Install/10-c",
					    "hooks.d/Install/50-a" };
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/50-a", f->event);

	file_put(f->event, "50-a", "#!/bin/sh\n", 0755);
	file_put(f->event, "10-c", "", 0755);
	file_put(f->event, "00-z", "", 0700);
	file_put(f->event, "10-b.lua", "", 0644); /* is not executed */
	file_put(f->event, ".hidden", "", 0666);
	assert_int_equal(0, find(f, "Install"));
	assert_int_equal(4, f->hooks.count);
	assert_int_equal(3, f->hooks.before);
	assert_int_equal(0, f->findings.count);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(want[i], f->hooks.scripts[i].location);
	assert_string_equal(path, f->hooks.scripts[3].path);
	assert_int_equal(17, f->hooks.scripts[3].timeout_s);
	assert_null(f->hooks.scripts[3].runas);
}

static void where_there_is_nothing_nothing_is_found(void **state)
{
	static const char *const events[] = { "Install", "ValidateService", "", ".", "..", "../Install", "a/b" };
	struct fixture *f = *state;
	AUTO_FREE char *nowhere = xasprintf("%s/nowhere", f->folder);

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		assert_int_equal(0, find(f, events[i]));
		assert_int_equal(0, f->hooks.count);
	}
	f->settings.hooks_dir = nowhere;
	assert_int_equal(0, find(f, "Install"));
	f->settings.hooks_dir = NULL;
	assert_int_equal(0, find(f, "Install"));
	assert_int_equal(0, f->findings.count);
}

static void a_name_that_is_none_is_warned_about(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *want = xasprintf(
		"'%s/README' is ignored: hooks of the host are called NN-NAME, with two digits", f->event);

	file_put(f->event, "README", "", 0666);
	file_put(f->event, "10-a", "", 0755);
	assert_int_equal(0, find(f, "Install"));
	assert_int_equal(1, f->hooks.count);
	assert_int_equal(1, f->findings.count);
	assert_int_equal(FINDING_WARNING, f->findings.items[0].level);
	assert_string_equal(want, f->findings.items[0].message);
}

static void everything_that_is_wrong_is_found_and_nothing_is_run(void **state)
{
	static const char *const want[] = { "/10-open' has mode 0775, so others may write to it: chmod go-w ",
					    "/20-link' is a link, and who owns what it leads to is not looked at: put",
					    "/30-plain' is not executable: chmod +x ",
					    "/40-started.lua' is not executable: chmod +x ",
					    "/50-folder' is no file: move it away",
					    "/60-pipe' is no file: move it away" };
	struct fixture *f = *state;
	AUTO_FREE char *link = xasprintf("%s/20-link", f->event);
	AUTO_FREE char *folder = xasprintf("%s/50-folder", f->event);
	AUTO_FREE char *pipe = xasprintf("%s/60-pipe", f->event);

	file_put(f->event, "00-fine", "", 0755);
	file_put(f->event, "10-open", "", 0775);
	file_put(f->event, "30-plain", "#!/bin/sh\n", 0644);
	file_put(f->event, "40-started.lua", "#!/usr/bin/slipway hook\n", 0644);
	assert_int_equal(0, symlink("00-fine", link));
	assert_int_equal(0, mkdir(folder, 0755));
	assert_int_equal(0, mkfifo(pipe, 0700));
	assert_int_equal(-1, find(f, "Install"));
	assert_int_equal(ERR_CONFIG, f->err.kind);
	assert_true(str_starts(f->err.msg, "hooks of the host: '"));
	assert_null(f->hooks.scripts);
	assert_int_equal(ARRAY_LEN(want), f->findings.errors);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		bool found = false;

		print_message("  %s\n", want[i]);
		for (size_t k = 0; k < f->findings.count; k++)
			found = found || strstr(f->findings.items[k].message, want[i]);
		assert_true(found);
	}
}

static void the_folders_count_like_the_scripts(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *link = xasprintf("%s/AfterInstall", f->folder);

	file_put(f->event, "10-a", "", 0755);
	file_put(f->folder, "AfterAllowTraffic", "", 0755);
	assert_int_equal(-1, find(f, "AfterAllowTraffic"));
	assert_non_null(strstr(f->err.msg, "/AfterAllowTraffic' is no folder: move it away"));
	assert_int_equal(0, symlink("Install", link));
	assert_int_equal(-1, find(f, "AfterInstall"));
	assert_non_null(strstr(f->err.msg, "/AfterInstall' is a link"));
	assert_int_equal(0, chmod(f->event, 0777));
	assert_int_equal(-1, find(f, "Install"));
	assert_non_null(strstr(f->err.msg, "/Install' has mode 0777"));
	assert_int_equal(0, chmod(f->event, 0755));
	assert_int_equal(0, chmod(f->folder, 0775));
	assert_int_equal(-1, find(f, "Install"));
	assert_non_null(strstr(f->err.msg, "' has mode 0775"));
	assert_int_equal(0, chmod(f->folder, 0755));
	assert_int_equal(0, find(f, "Install"));
}

static void what_belongs_to_another_user_is_not_run(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/10-a", f->event);

	if (geteuid() != 0) {
		print_message("  skipped: only root can give files away\n");
		skip();
	}
	file_put(f->event, "10-a", "", 0755);
	assert_int_equal(0, chown(path, 1, 0));
	assert_int_equal(-1, find(f, "Install"));
	assert_non_null(strstr(f->err.msg, "/10-a' belongs to user 1, who may write to it: chown root "));
}

static void all_events_of_an_order_are_looked_at(void **state)
{
	static const char *const order[] = { "Install", "ValidateService", NULL };
	struct fixture *f = *state;
	AUTO_FREE char *other = xasprintf("%s/ValidateService", f->folder);

	assert_int_equal(0, mkdir(other, 0755));
	file_put(f->event, "10-a", "", 0777);
	file_put(other, "10-b", "", 0777);
	assert_int_equal(-1, host_hooks_check(&f->settings, order, &f->findings, &f->err));
	assert_int_equal(2, f->findings.errors);
	assert_non_null(strstr(f->findings.items[1].message, "10-b"));
	findings_done(&f->findings);
	f->findings = (struct findings){ 0 };
	f->err = ERR_INIT;
	assert_int_equal(0, chmod(f->folder, 0777)); /* told once, and that is all */
	assert_int_equal(-1, host_hooks_check(&f->settings, order, &f->findings, &f->err));
	assert_int_equal(1, f->findings.count);
}

static void there_is_a_limit_to_their_number(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i <= HOST_HOOKS_MAX; i++) {
		AUTO_FREE char *name = xasprintf("10-%d", i);

		file_put(f->event, name, "", 0755);
	}
	assert_int_equal(-1, find(f, "Install"));
	assert_non_null(strstr(f->err.msg, "/Install' has more than 100 scripts: let some of them call the others"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_in_front_makes_a_hook_and_says_when),
		WITH(they_are_found_in_the_order_of_their_names),
		WITH(where_there_is_nothing_nothing_is_found),
		WITH(a_name_that_is_none_is_warned_about),
		WITH(everything_that_is_wrong_is_found_and_nothing_is_run),
		WITH(the_folders_count_like_the_scripts),
		WITH(what_belongs_to_another_user_is_not_run),
		WITH(all_events_of_an_order_are_looked_at),
		WITH(there_is_a_limit_to_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
