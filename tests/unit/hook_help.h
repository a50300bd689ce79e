/* hook_help.h - a bundle with one script, s.sh, and all that is needed to run it as a hook. */
#pragma once

#include "lifecycle/hook.h"
#include "process_help.h"

struct fixture {
	char *folder, *archive;
	struct zygote *zygote;
	struct script_log *log;
	struct deployment deployment;
	struct appspec_script script;
	struct hook_run run;
	struct hook_outcome outcome;
	struct err err;
	struct str notes;
};

static inline void note(void *context, const char *event, const char *text)
{
	struct str *notes = context;

	assert_string_equal("AfterInstall", event);
	assert_int_equal(0, str_printf(notes, "%s\n", text));
}

static inline int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->folder = folder_new();
	f->archive = xasprintf("%s/archive", f->folder);
	assert_int_equal(0, mkdir(f->archive, 0755));
	f->err = ERR_INIT;
	f->notes = STR_INIT(65536);
	assert_int_equal(0, zygote_start(NULL, &f->zygote, &f->err));
	f->log = script_log_new(&(struct script_log_place){ .folder = f->folder,
							    .deployment_root = f->folder,
							    .deployment_id = "d-1",
							    .max_bytes = 1024 * 1024,
							    .rotate_bytes = 1024 * 1024 });
	f->deployment = (struct deployment){
		.id = (char *)"d-1", .application = (char *)"shop", .group = (char *)"g-1", .group_name = (char *)"web"
	};
	f->script = (struct appspec_script){ .location = "s.sh", .timeout_s = 20 };
	f->run = HOOK_RUN_INIT;
	f->run.zygote = f->zygote;
	f->run.log = f->log;
	f->run.deployment = &f->deployment;
	f->run.event = "AfterInstall";
	f->run.script = &f->script;
	f->run.archive_dir = f->archive;
	f->run.grace_ms = 200;
	f->run.drain_ms = 300;
	f->run.note = note;
	f->run.note_context = &f->notes;
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	zygote_free(f->zygote);
	script_log_free(f->log);
	scratch_removep(&f->folder);
	str_done(&f->notes);
	free(f->archive);
	free(f);
	return 0;
}

/* Run BODY as s.sh, with `cd` to the test's folder in front. */
static inline int run_body(struct fixture *f, const char *body)
{
	AUTO_FREE char *text = xasprintf("#!/bin/sh\ncd %s\n%s\n", f->folder, body);

	file_put(f->archive, "s.sh", text, 0755);
	f->err = ERR_INIT;
	return hook_run(&f->run, &f->outcome, &f->err);
}

static inline void succeeds(struct fixture *f, const char *body)
{
	if (run_body(f, body) < 0)
		fail_msg("%s", f->err.msg);
	assert_int_equal(0, f->outcome.exit_code);
}

static inline void fails(struct fixture *f, const char *body, enum err_kind kind, const char *message)
{
	assert_int_equal(-1, run_body(f, body));
	assert_string_equal(message, f->err.msg);
	assert_int_equal(kind, f->err.kind);
}

/* scripts.log without the stamps; the caller frees it. */
static inline char *log_text(struct fixture *f)
{
	script_log_flush(f->log);

	char *text = file_get(f->folder, "logs/scripts.log");
	char *to = text;

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n") + 1;

		if (n > strlen(line))
			n = strlen(line);
		if (n > 20) {
			memmove(to, line + 20, n - 20);
			to += n - 20;
		}
		line += n;
	}
	*to = '\0';
	return text;
}

static inline void assert_log(struct fixture *f, const char *want)
{
	AUTO_FREE char *text = log_text(f);

	assert_string_equal(want, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
