/* script_help.h - a folder, and scripts that are run in it. */
#pragma once

#include "process_help.h"
#include "script/script_internal.h"

struct fixture {
	char *folder;
	int bundle;
	struct script_outcome outcome;
	struct script_options options;
};

static inline int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	f->folder = folder_new();
	f->bundle = fs_open_dir(f->folder, &err);
	assert_true(f->bundle >= 0);
	f->options = (struct script_options){ .bundle_fd = f->bundle, .library_fd = -1 };
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	script_outcome_done(&f->outcome);
	(void)close(f->bundle);
	scratch_removep(&f->folder);
	free(f);
	return 0;
}

/* TEXT with FOLDER as the path of the test's folder in it. */
static inline void run(struct fixture *f, const char *text)
{
	AUTO_FREE char *whole = xasprintf("local FOLDER = '%s'\n%s\n", f->folder, text);
	AUTO_FREE char *path = xasprintf("%s/s.lua", f->folder);
	struct script *s = NULL;
	struct err err = ERR_INIT;

	file_put(f->folder, "s.lua", whole, 0644);
	script_outcome_done(&f->outcome);
	assert_int_equal(0, script_new(&f->options, &s, &err));
	script_run_file(s, path, "s.lua", &f->outcome);
	script_free(s);
}

static inline void must_succeed(struct fixture *f, const char *text)
{
	run(f, text);
	if (!f->outcome.ok)
		fail_msg("%s\n%s\n%s", text, f->outcome.message, str_text(&f->outcome.trace));
}

/* It must fail, with a message that holds WHAT. */
static inline void must_fail(struct fixture *f, const char *text, const char *what)
{
	run(f, text);
	if (f->outcome.ok)
		fail_msg("%s\nsucceeded", text);
	if (!strstr(f->outcome.message, what))
		fail_msg("%s\nsaid:   %s\nwanted: %s", text, f->outcome.message, what);
}
