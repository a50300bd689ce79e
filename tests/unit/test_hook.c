/* Scripts of a lifecycle event, with real processes: how they are started, what they see, how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/hook.h"
#include "process_help.h"

#include <sys/resource.h>
#include <sys/wait.h>

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

static void note(void *context, const char *event, const char *text)
{
	struct str *notes = context;

	assert_string_equal("AfterInstall", event);
	assert_int_equal(0, str_printf(notes, "%s\n", text));
}

static int set_up(void **state)
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

static int tear_down(void **state)
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
static int run_body(struct fixture *f, const char *body)
{
	AUTO_FREE char *text = xasprintf("#!/bin/sh\ncd %s\n%s\n", f->folder, body);

	file_put(f->archive, "s.sh", text, 0755);
	f->err = ERR_INIT;
	return hook_run(&f->run, &f->outcome, &f->err);
}

static void succeeds(struct fixture *f, const char *body)
{
	if (run_body(f, body) < 0)
		fail_msg("%s", f->err.msg);
	assert_int_equal(0, f->outcome.exit_code);
}

static void fails(struct fixture *f, const char *body, enum err_kind kind, const char *message)
{
	assert_int_equal(-1, run_body(f, body));
	assert_string_equal(message, f->err.msg);
	assert_int_equal(kind, f->err.kind);
}

/* scripts.log without the stamps; the caller frees it. */
static char *log_text(struct fixture *f)
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

static void assert_log(struct fixture *f, const char *want)
{
	AUTO_FREE char *text = log_text(f);

	assert_string_equal(want, text);
}

static void output_goes_to_the_log_line_by_line(void **state)
{
	succeeds(*state, "echo one; echo; printf ' two \\nthree'");
	assert_log(*state, "Script - s.sh\n[stdout]one\n[stdout]\n[stdout] two \n[stdout]three");
}

static void a_failing_script_tells_its_exit_code(void **state)
{
	struct fixture *f = *state;

	fails(f, "echo why >&2; exit 3", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 3");
	assert_int_equal(3, f->outcome.exit_code);
	assert_int_equal(0, f->outcome.signal);
	assert_string_equal("s.sh", f->outcome.script);
	assert_log(f, "Script - s.sh\n[stderr]why\n");
}

static void a_killed_script_tells_the_signal(void **state)
{
	struct fixture *f = *state;

	fails(f, "kill -9 $$", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh was killed by signal 9 (SIGKILL)");
	assert_int_equal(-1, f->outcome.exit_code);
	assert_int_equal(9, f->outcome.signal);
	fails(f, "kill -SEGV $$", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh was killed by signal 11 (SIGSEGV)");
}

static void a_timeout_ends_the_whole_group(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "echo begun; sleep 100 & echo $! > child; wait", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1000, 2500);
	assert_false(process_lives(pid_from(f->folder, "child")));
	assert_log(f, "Script - s.sh\n[stdout]begun\nScript at specified location: s.sh timed out\n");
	assert_string_equal("Script at specified location: s.sh timed out\n", str_text(&f->notes));
	succeeds(f, "true"); /* and the next one runs */
}

static void a_script_that_ignores_term_is_killed_after_the_grace(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "trap 'echo heard' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 1; done'",
	      ERR_SCRIPT_TIMED_OUT, "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1200, 3000);
	assert_true(process_ends_within(pid_from(f->folder, "child"), 500));
}

static void a_timeout_ends_what_has_left_the_group(void **state)
{
	struct fixture *f = *state;

	f->script.timeout_s = 1;
	fails(f,
	      "setsid sh -c 'trap \"\" TERM; echo $$ > deaf; while :; do sleep 0.1; done' >/dev/null 2>&1 & exec sleep "
	      "100",
	      ERR_SCRIPT_TIMED_OUT, "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_false(process_lives(pid_from(f->folder, "deaf")));
	fails(f, "(setsid sh -c 'echo $$ > daemon; exec sleep 100' >/dev/null 2>&1 &); sleep 100", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_false(process_lives(pid_from(f->folder, "daemon")));
}

static void a_timeout_spares_what_an_earlier_script_has_left(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "(setsid sh -c 'echo $$ > daemon; sleep 0.2; sleep 100 & echo $! > work; wait' >/dev/null 2>&1 &)");
	f->script.timeout_s = 1;
	fails(f, "sleep 100", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");

	pid_t daemon = pid_from(f->folder, "daemon"), work = pid_from(f->folder, "work");

	assert_true(process_lives(daemon));
	assert_true(process_lives(work));
	assert_int_equal(0, kill(work, SIGKILL));
	assert_true(process_ends_within(daemon, 2000));
	pause_ms(50);
	assert_int_equal(-1, kill(daemon, 0)); /* not even a zombie of the zygote */
}

static void a_script_may_use_the_grace_to_clean_up(void **state)
{
	struct fixture *f = *state;

	f->script.timeout_s = 1;
	f->run.grace_ms = 3000;
	fails(f, "trap 'echo cleaned; exit 0' TERM; sleep 100 & wait", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_log(f, "Script - s.sh\nScript at specified location: s.sh timed out\n[stdout]cleaned\n");
}

/* A daemon in its own session that keeps the output of the script. */
#define LEAVE_DAEMON "(setsid sleep 103 & echo $! > child); sleep 0.05"

static void assert_holder_named(struct fixture *f, pid_t child)
{
	AUTO_FREE char *want = xasprintf("Script at specified location: s.sh has ended, but pid %d 'sleep 103' still "
					 "holds its STDOUT and STDERR open; redirect the output of what the script "
					 "starts: nohup COMMAND >/dev/null 2>&1 &\n",
					 (int)child);
	AUTO_FREE char *log = log_text(f);

	assert_string_equal(want, str_text(&f->notes));
	assert_non_null(strstr(log, want));
	assert_true(f->outcome.outputs_left_open);
	assert_true(process_lives(child));
}

static void outputs_left_open_may_be_waited_for(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_WAIT;
	f->script.timeout_s = 1;

	long start = clock_ms();

	assert_int_equal(-1, run_body(f, LEAVE_DAEMON));
	assert_in_range(clock_ms() - start, 1000, 2500);

	pid_t child = pid_from(f->folder, "child");
	AUTO_FREE char *want = xasprintf(
		"Script at specified location: s.sh failed to close STDOUT: held by pid %d 'sleep 103'", (int)child);

	assert_string_equal(want, f->err.msg);
	assert_int_equal(ERR_OUTPUTS_LEFT_OPEN, f->err.kind);
	assert_int_equal(0, f->outcome.exit_code);
	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void outputs_that_are_closed_in_time_are_a_success(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "(sleep 0.8; echo late) &");
	assert_false(f->outcome.outputs_left_open);
	assert_non_null(strstr(str_text(&f->notes), "still holds its STDOUT and STDERR open"));

	AUTO_FREE char *log = log_text(f);

	assert_true(str_ends(log, "[stdout]late\n"));
}

static void outputs_left_open_may_be_a_warning(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_WARN;

	long start = clock_ms();

	succeeds(f, LEAVE_DAEMON);
	assert_in_range(clock_ms() - start, 300, 1500);

	pid_t child = pid_from(f->folder, "child");

	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void outputs_left_open_may_be_a_failure_at_once(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_FAIL;

	long start = clock_ms();

	assert_int_equal(-1, run_body(f, LEAVE_DAEMON " 2>/dev/null"));
	assert_in_range(clock_ms() - start, 300, 1500);
	assert_int_equal(ERR_OUTPUTS_LEFT_OPEN, f->err.kind);

	pid_t child = pid_from(f->folder, "child");

	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void only_stderr_left_open_is_told_as_such(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_FAIL;
	assert_int_equal(-1, run_body(f, "setsid sleep 103 >/dev/null & echo $! > child; sleep 0.05"));
	assert_true(str_starts(f->err.msg, "Script at specified location: s.sh failed to close STDERR: held by pid "));
	assert_int_equal(0, kill(pid_from(f->folder, "child"), SIGKILL));
}

static void a_script_that_failed_is_not_blamed_for_its_outputs(void **state)
{
	struct fixture *f = *state;

	fails(f, LEAVE_DAEMON "; exit 4", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 4");
	assert_string_equal("", str_text(&f->notes));
	assert_int_equal(0, kill(pid_from(f->folder, "child"), SIGKILL));
}

static void a_redirected_daemon_is_no_matter(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	succeeds(f, "nohup sleep 103 >/dev/null 2>&1 & echo $! > child");
	assert_true(clock_ms() - start < 250);
	assert_string_equal("", str_text(&f->notes));

	pid_t child = pid_from(f->folder, "child");

	assert_true(process_lives(child));
	assert_int_equal(0, kill(child, SIGKILL));
}

static void closing_the_output_early_is_no_end(void **state)
{
	struct fixture *f = *state;

	fails(f, "echo out; exec >&- 2>&-; sleep 0.2; exit 5", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 5");
	assert_log(f, "Script - s.sh\n[stdout]out\n");
}

static void a_stop_request_ends_a_script(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = false;
	int ends[2];

	assert_int_equal(0, pipe2(ends, O_CLOEXEC));
	f->run.stop_fd = ends[0];
	f->run.stop = &stop;

	pid_t child = fork(); /* asks after a while, by closing */

	if (child == 0) {
		(void)close(ends[0]);
		pause_ms(300);
		_exit(0);
	}
	(void)close(ends[1]);

	long start = clock_ms();

	fails(f, "sleep 100", ERR_STOPPED, "Script at specified location: s.sh was stopped");
	assert_true(clock_ms() - start < 1500);
	assert_int_equal(child, waitpid(child, NULL, 0));
	(void)close(ends[0]);
	f->run.stop_fd = -1;
	atomic_store(&stop, true);
	fails(f, "true", ERR_STOPPED, "Script at specified location: s.sh was not started: asked to stop");
}

static void a_killed_zygote_fails_the_hook_and_ends_it(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *body = xasprintf("echo $$ > self; sleep 0.2; kill -9 %d; sleep 100",
					 (int)zygote_pid(f->zygote));

	fails(f, body, ERR_SYS,
	      "Script at specified location: s.sh: the process that starts hooks has gone away (was it killed?)");
	assert_true(process_ends_within(pid_from(f->folder, "self"), 1000));
}

static void a_script_sees_what_describes_the_deployment(void **state)
{
	static const char *const more[] = { "SLIPWAY_RESTORE=1", "APPLICATION_NAME=not the agent's own", NULL };
	struct fixture *f = *state;

	assert_int_equal(0, setenv("AWS_SECRET_ACCESS_KEY", "secret", 1));
	assert_int_equal(0, setenv("AWS_ACCESS_KEY_ID", "secret", 1));
	assert_int_equal(0, setenv("AWS_SESSION_TOKEN", "secret", 1));
	assert_int_equal(0, setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret", 1));
	assert_int_equal(0, setenv("CREDENTIALS_DIRECTORY", "/run/credentials/secret", 1));
	assert_int_equal(0, setenv("AWS_CREDENTIAL_FILE", "/root/secret", 1));
	assert_int_equal(0, setenv("STATE_DIRECTORY", "/secret", 1));
	assert_int_equal(0, setenv("SLIPWAY_INTERNAL", "secret", 1));
	assert_int_equal(0, setenv("AWS_REGION", "eu-central-1", 1));
	assert_int_equal(0, setenv("DEPLOYMENT_ID", "the agent's own", 1));
	f->deployment.settings.instance = (char *)"i-17";
	f->deployment.settings.region = (char *)"eu-west-1";
	f->run.previous_archive_dir = "/previous";
	f->run.environment = more;
	f->deployment.settings.install_prefix = (char *)"/prefix";
	succeeds(f, "env > env; pwd > pwd");

	AUTO_FREE char *text = file_get(f->folder, "env");
	AUTO_FREE char *archive = xasprintf("\nSLIPWAY_ARCHIVE_DIR=%s\n", f->archive);
	const char *const want[] = { "\nLIFECYCLE_EVENT=AfterInstall\n",
				     "\nDEPLOYMENT_ID=d-1\n",
				     "\nAPPLICATION_NAME=shop\n",
				     "\nDEPLOYMENT_GROUP_NAME=web\n",
				     "\nDEPLOYMENT_GROUP_ID=g-1\n",
				     archive,
				     "\nSLIPWAY_INSTANCE=i-17\n",
				     "\nSLIPWAY_REGION=eu-west-1\n",
				     "\nSLIPWAY_PREVIOUS_ARCHIVE_DIR=/previous\n",
				     "\nSLIPWAY_INSTALL_PREFIX=/prefix\n",
				     "\nSLIPWAY_RESTORE=1\n",
				     "\nAWS_REGION=eu-central-1\n" };

	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(text, want[i]))
			fail_msg("no%sin%s", want[i], text);
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "the agent's own"));
}

static void of_two_values_the_nearer_one_counts(void **state)
{
	static const char *const revision[] = { "TZ=revision", "COLOR=revision", "SHAPE=revision", "EMPTY=", NULL };
	static const char *const host[] = { "COLOR=host", "SHAPE=all", "SHAPE=group", "DEPLOYMENT_ID=host", NULL };
	static const char *const run[] = { "COLOR=run", "DEPLOYMENT_ID=run", NULL };
	struct fixture *f = *state;

	assert_int_equal(0, setenv("TZ", "process", 1));
	assert_int_equal(0, setenv("EMPTY", "process", 1));
	f->script.environment = revision;
	f->deployment.settings.variables = (char **)host;
	f->run.environment = run;
	succeeds(f, "echo $TZ,$COLOR,$SHAPE,$DEPLOYMENT_ID,$EMPTY, > env");
	assert_int_equal(0, unsetenv("TZ"));

	AUTO_FREE char *text = file_get(f->folder, "env");

	assert_string_equal("revision,run,group,d-1,,\n", text);
}

static void a_script_of_the_host_lies_elsewhere_and_is_told_so(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/10-a", f->folder);
	AUTO_FREE char *message = xasprintf("Script at specified location: %s failed with exit code 3", path);
	AUTO_FREE char *log = xasprintf("Script - hooks.d/AfterInstall/10-a\n[stdout]%s %s\n", f->folder, f->archive);

	file_put(f->folder, "10-a", "#!/bin/sh\necho $SLIPWAY_HOOKS_DIR $SLIPWAY_ARCHIVE_DIR\nexit 3\n", 0755);
	f->script.location = "hooks.d/AfterInstall/10-a";
	f->script.path = path;
	f->deployment.settings.hooks_dir = f->folder;
	assert_int_equal(-1, hook_run(&f->run, &f->outcome, &f->err));
	assert_string_equal(message, f->err.msg);
	assert_int_equal(ERR_SCRIPT_FAILED, f->err.kind);
	assert_string_equal("hooks.d/AfterInstall/10-a", f->outcome.script);
	assert_log(f, log);
}

static void a_script_of_the_host_needs_no_bundle_and_is_not_made_executable(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/10-a", f->folder);

	f->run.archive_dir = NULL;
	f->script.path = path;
	file_put(f->folder, "10-a", "#!/bin/sh\necho ${SLIPWAY_ARCHIVE_DIR-none}\n", 0755);
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));
	assert_log(f, "Script - s.sh\n[stdout]none\n");
	assert_int_equal(0, chmod(path, 0644));
	assert_int_equal(-1, hook_run(&f->run, &f->outcome, &f->err));
	assert_int_equal(ERR_SCRIPT_FAILED, f->err.kind);
	assert_non_null(strstr(f->err.msg, "Permission denied"));
}

static void a_script_runs_in_the_root_folder_with_its_own_group_and_no_input(void **state)
{
	struct fixture *f = *state;

	file_put(f->archive, "t.sh",
		 "#!/bin/sh\npwd\numask\nread x || echo no input\n"
		 "[ $(ps -o pgid= -p $$) = $$ ] && echo own group\nls /proc/$$/fd | tr '\\n' ' '\n",
		 0755);
	f->script.location = "/t.sh"; /* still relative to the archive */
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));
	/* 10 is the script itself, opened by dash (or 255 by bash). */
	AUTO_FREE char *text = log_text(f);

	assert_true(str_starts(text, "Script - /t.sh\n[stdout]/\n[stdout]0022\n[stdout]no input\n[stdout]own group\n"
				     "[stdout]0 1 "));
}

static void runas_changes_user_groups_and_their_variables(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("  skipped: only root can change users\n");
		skip();
	}
	f->script.runas = "daemon";
	f->script.sudo = true; /* changes nothing for root */
	succeeds(f, "id -un; id -gn; id -Gn; echo $HOME $USER $LOGNAME $SHELL");
	assert_log(f, "Script - s.sh\n[stdout]daemon\n[stdout]daemon\n[stdout]daemon\n"
		      "[stdout]/usr/sbin daemon daemon /usr/sbin/nologin\n");
	fails(f, "exit 7", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh run as user daemon failed with exit code 7");
	f->script.runas = "no such user";
	fails(f, "true", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh cannot run as user no such user: there is no such user");
	f->script.runas = "nobody";
	assert_int_equal(0, chmod(f->archive, 0700));
	assert_int_equal(-1, run_body(f, "true"));
	assert_true(str_starts(f->err.msg, "Script at specified location: s.sh run as user nobody failed with error "
					   "Errno::EACCES with message Permission denied - "));
}

/* In a child, as an ordinary user: the agent need not be root. */
static void an_ordinary_user_cannot_run_as_somebody_else(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("  skipped: only root can become an ordinary user\n");
		skip();
	}
	assert_int_equal(0, chmod(f->folder, 0777)); /* the log is written by that user */
	file_put(f->archive, "s.sh", "#!/bin/sh\n[ $(id -un) = nobody ]\n", 0755);

	pid_t pid = fork();

	if (pid == 0) {
		struct fixture own = *f;
		int bad = 0;

		if (setgid(65534) < 0 || setuid(65534) < 0 || zygote_start(NULL, &own.run.zygote, &own.err) < 0)
			_exit(100);
		own.script.runas = "daemon";
		own.run.script = &own.script;
		own.run.note_context = &own.notes;
		bad += hook_run(&own.run, &own.outcome, &own.err) != -1;
		bad += strcmp(own.err.msg, "Script at specified location: s.sh cannot run as user daemon: the agent "
					   "does not run as root") != 0;
		own.script.runas = "nobody"; /* oneself */
		bad += hook_run(&own.run, &own.outcome, &own.err) != 0;
		zygote_free(own.run.zygote);
		_exit(bad);
	}

	int status;

	assert_int_equal(pid, waitpid(pid, &status, 0));
	assert_int_equal(0, status);
}

/* Programs of these names that leave their words in the file `words`, one call a line, in front of PATH. */
static void put_recorders(struct fixture *f)
{
	static const char *const names[] = { "su", "sudo" };
	AUTO_FREE char *bin = xasprintf("%s/bin", f->folder);
	AUTO_FREE char *path = xasprintf("%s:/usr/bin:/bin", bin);
	AUTO_FREE char *text = xasprintf("#!/bin/sh\necho \"${0##*/} $*\" >>%s/words\n", f->folder);

	assert_int_equal(0, mkdir(bin, 0755));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		file_put(bin, names[i], text, 0755);
	assert_int_equal(0, setenv("PATH", path, 1));
}

/* The four combinations of runas and sudo; "": the script itself ran. */
struct combination {
	const char *why, *runas;
	bool sudo;
	const char *words; /* behind them stands the script's path */
};

static int run_combination(struct fixture *f, const struct combination *c)
{
	f->script.runas = c->runas;
	f->script.sudo = c->sudo;
	f->err = ERR_INIT;
	return hook_run(&f->run, &f->outcome, &f->err);
}

/* What a script prints that runs itself: nothing but its own name, into the same file. */
static void put_recording_script(struct fixture *f)
{
	AUTO_FREE char *text = xasprintf("#!/bin/sh\necho \"$0\" >>%s/words\n", f->folder);

	file_put(f->archive, "s.sh", text, 0755);
}

static void assert_words(struct fixture *f, const struct combination *cases, size_t count)
{
	AUTO(str_done) struct str want = STR_INIT(65536);
	AUTO_FREE char *words = file_get(f->folder, "words");

	for (size_t i = 0; i < count; i++)
		assert_int_equal(0, str_printf(&want, "%s%s/s.sh\n", cases[i].words, f->archive));
	assert_string_equal(str_text(&want), words);
}

static void su_and_sudo_get_the_words_of_the_reference(void **state)
{
	static const struct combination cases[] = {
		{ "neither", NULL, false, "" },
		{ "sudo alone", NULL, true, "sudo -n -- " },
		{ "runas alone", "daemon", false, "su daemon --session-command " },
		{ "both", "daemon", true, "sudo -n -- su daemon --session-command " },
	};
	struct fixture *f = *state;

	put_recorders(f);
	put_recording_script(f);
	f->deployment.settings.runas_method = RUNAS_SU;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		if (run_combination(f, &cases[i]) < 0)
			fail_msg("%s", f->err.msg);
	}
	assert_words(f, cases, ARRAY_LEN(cases));
}

/* In a child, which becomes an ordinary user and starts a zygote as that. Fewer failed checks than cases: 0. */
static int run_as_nobody(struct fixture *f, const struct combination *cases, size_t count)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct fixture own = *f;
		int bad = 0;

		if (setgid(65534) < 0 || setuid(65534) < 0 || zygote_start(NULL, &own.run.zygote, &own.err) < 0)
			_exit(100);
		own.run.script = &own.script;
		own.run.note_context = &own.notes;
		for (size_t i = 0; i < count; i++)
			bad += run_combination(&own, &cases[i]) < 0;
		zygote_free(own.run.zygote);
		_exit(bad);
	}
	assert_int_equal(pid, waitpid(pid, &status, 0));
	return status;
}

static void an_ordinary_user_needs_sudo(void **state)
{
	static const struct combination direct[] = {
		{ "neither", NULL, false, "" },
		{ "sudo alone", NULL, true, "sudo -n -- " },
		{ "runas oneself", "nobody", false, "" },
		{ "both", "daemon", true, "sudo -n -u daemon -- " },
	};
	static const struct combination by_su[] = {
		{ "neither", NULL, false, "" },
		{ "sudo alone", NULL, true, "sudo -n -- " },
		{ "runas alone: su may know a way", "daemon", false, "su daemon --session-command " },
		{ "both", "daemon", true, "sudo -n -- su daemon --session-command " },
	};
	struct fixture *f = *state;
	AUTO_FREE char *words = xasprintf("%s/words", f->folder);

	if (geteuid() != 0) {
		print_message("  skipped: only root can become an ordinary user\n");
		skip();
	}
	assert_int_equal(0, chmod(f->folder, 0777)); /* log and words are written by that user */
	put_recorders(f);
	put_recording_script(f);
	assert_int_equal(0, run_as_nobody(f, direct, ARRAY_LEN(direct)));
	assert_words(f, direct, ARRAY_LEN(direct));
	assert_int_equal(0, unlink(words));
	f->deployment.settings.runas_method = RUNAS_SU;
	assert_int_equal(0, run_as_nobody(f, by_su, ARRAY_LEN(by_su)));
	assert_words(f, by_su, ARRAY_LEN(by_su));
}

static void a_program_that_is_not_there_is_named(void **state)
{
	struct fixture *f = *state;

	if (access("/usr/bin/sudo", F_OK) == 0) {
		print_message("  skipped: this host has sudo\n");
		skip();
	}
	put_recording_script(f);
	f->deployment.settings.runas_method = RUNAS_SU;
	f->script.sudo = true;
	assert_int_equal(-1, hook_run(&f->run, &f->outcome, &f->err));
	assert_string_equal(
		"Script at specified location: s.sh failed with error Errno::ENOENT with message No such file "
		"or directory - /usr/bin/sudo",
		f->err.msg);
}

static void a_missing_script_is_named_with_its_path(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *want = xasprintf("Script does not exist at specified location: %s/no/such", f->archive);

	f->script.location = "/no/such";
	assert_int_equal(-1, hook_run(&f->run, &f->outcome, &f->err));
	assert_string_equal(want, f->err.msg);
	assert_int_equal(ERR_SCRIPT_MISSING, f->err.kind);
}

static void a_location_that_leads_out_of_the_bundle_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *link = xasprintf("%s/link", f->archive);
	AUTO_FREE char *inside = xasprintf("%s/inside", f->archive);
	AUTO_FREE char *sub = xasprintf("%s/sub", f->archive);
	const struct {
		const char *location;
		bool refused;
	} cases[] = {
		{ "../outside.sh", true },    { "sub/../../outside.sh", true },
		{ "../archive/ok.sh", true }, { "link/outside.sh", true },
		{ "inside", false },	      { "sub/../ok.sh", false },
		{ "./sub/..//ok.sh", false },
	};

	file_put(f->folder, "outside.sh", "#!/bin/sh\n", 0755);
	file_put(f->archive, "ok.sh", "#!/bin/sh\n", 0755);
	assert_int_equal(0, mkdir(sub, 0755));
	assert_int_equal(0, symlink("..", link));
	assert_int_equal(0, symlink("ok.sh", inside));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].location);
		f->script.location = cases[i].location;
		f->err = ERR_INIT;
		assert_int_equal(cases[i].refused ? -1 : 0, hook_run(&f->run, &f->outcome, &f->err));
		if (cases[i].refused) {
			assert_int_equal(ERR_SCRIPT_MISSING, f->err.kind);
			assert_non_null(strstr(f->err.msg, " leads out of the bundle"));
		}
	}
}

static void a_script_that_is_not_executable_is_made_so(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/plain.sh", f->archive);
	struct stat st;

	file_put(f->archive, "plain.sh", "#!/bin/sh\necho ran\n", 0640);
	f->script.location = "plain.sh";
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0751, st.st_mode & 07777);
	assert_log(f, "Script at specified location: plain.sh is not executable.  Trying to make it executable.\n"
		      "Script - plain.sh\n[stdout]ran\n");
}

static int refuse_chmod(void *context, const struct fs_call *call)
{
	(void)context;
	return call->op == FS_CHMOD ? EROFS : 0;
}

static void see_nothing(void *context, const struct fs_call *call, int result)
{
	(void)context;
	(void)call;
	(void)result;
}

static void a_script_that_cannot_be_made_executable_fails(void **state)
{
	static const struct fs_observer observer = { .before = refuse_chmod, .after = see_nothing };
	struct fixture *f = *state;

	file_put(f->archive, "plain.sh", "#!/bin/sh\n", 0644);
	f->script.location = "plain.sh";
	fs_observe(&observer);

	int r = hook_run(&f->run, &f->outcome, &f->err);

	fs_observe(NULL);
	assert_int_equal(-1, r);
	assert_int_equal(ERR_SCRIPT_NOT_EXECUTABLE, f->err.kind);
	assert_int_equal(EROFS, f->err.sys);
	assert_string_equal("Unable to set script at specified location: plain.sh as executable", f->err.msg);
}

static void what_cannot_be_started_says_why(void **state)
{
	struct fixture *f = *state;
	const struct {
		const char *text, *error, *reason;
	} cases[] = {
		{ "#!/no/such/python -u\n", "Errno::ENOENT with message No such file or directory",
		  " (its interpreter '/no/such/python' does not exist)" },
		{ "#!/bin/sh\r\necho\r\n", "Errno::ENOENT with message No such file or directory",
		  " (its first line ends with a carriage return: save it with Unix line ends)" },
	};

	f->script.location = "x";
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *want = xasprintf("Script at specified location: x failed with error %s - %s/x%s",
						 cases[i].error, f->archive, cases[i].reason);

		file_put(f->archive, "x", cases[i].text, 0755);
		assert_int_equal(-1, hook_run(&f->run, &f->outcome, &f->err));
		assert_string_equal(want, f->err.msg);
		assert_int_equal(ERR_SCRIPT_FAILED, f->err.kind);
	}
	file_put(f->archive, "x", "echo \"by a shell: $0\"\n", 0755);
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));

	AUTO_FREE char *log = log_text(f);
	AUTO_FREE char *want = xasprintf("[stdout]by a shell: %s/x\n", f->archive);

	assert_true(str_ends(log, want));
}

static void names_with_blanks_are_no_matter(void **state)
{
	struct fixture *f = *state;

	file_put(f->archive, "a script; with $(odd) name", "#!/bin/sh\necho ran\n", 0755);
	f->script.location = "a script; with $(odd) name";
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));
	assert_log(f, "Script - a script; with $(odd) name\n[stdout]ran\n");
}

static void bytes_of_any_kind_arrive_as_they_are(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "printf 'a\\000b\\n\\377\\376\\033[31m\\n'");
	script_log_flush(f->log);

	AUTO_FREE char *path = xasprintf("%s/logs/scripts.log", f->folder);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = read(fd, text, sizeof(text));
	static const char want[] = "[stdout]a\0b\n";

	assert_true(n > 0);
	assert_non_null(memmem(text, (size_t)n, want, sizeof(want) - 1));
	assert_non_null(memmem(text, (size_t)n, "[stdout]\377\376\033[31m\n", 16));
}

static void a_line_is_kept_up_to_its_limit(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "head -c 65536 /dev/zero | tr '\\0' x; echo; head -c 65537 /dev/zero | tr '\\0' y; echo; "
		    "head -c 1000000 /dev/zero | tr '\\0' z");

	AUTO_FREE char *text = log_text(f);
	const char *y = strstr(text, "[stdout]y"), *z = strstr(text, "[stdout]z");

	assert_non_null(y);
	assert_non_null(z);
	assert_int_equal(65536 + 9, y - strstr(text, "[stdout]x"));
	assert_non_null(strstr(y, "y [1 more bytes of this line are left out]\n[stdout]z"));
	assert_true(str_ends(z, "z [934464 more bytes of this line are left out]"));
}

/* Resident bytes now, in KiB. */
static long resident(void)
{
	AUTO_FREE char *text = file_get("/proc/self", "status");

	return atol(strstr(text, "VmRSS:") + 6);
}

static void a_secret_that_is_cut_is_hidden_all_the_same(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(1, mask_add(script_log_mask(f->run.log), "hunter22", 8));
	succeeds(f,
		 "head -c 65530 /dev/zero | tr '\\0' x; echo hunter22; echo the hunter22; printf hunter; sleep 0.05; "
		 "printf 22");

	AUTO_FREE char *text = log_text(f);

	assert_non_null(strstr(text, "xxx [8 more bytes of this line are left out]\n"));
	assert_non_null(strstr(text, "[stdout]the ***\n"));
	assert_true(str_ends(text, "[stdout]***"));
	assert_null(strstr(text, "hunt"));
}

static void a_hundred_megabytes_of_output_are_no_burden(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "true");

	long before = resident(), start = clock_ms();

	succeeds(f, "yes 'a line of some sixty characters, as build tools like to print them' | head -c 100000000");
	print_message("  100 MB in lines: %ld ms, %ld KiB more\n", clock_ms() - start, resident() - before);
#ifndef __SANITIZE_ADDRESS__
	assert_true(resident() - before < 4096);
#endif
	start = clock_ms();
	succeeds(f, "head -c 100000000 /dev/zero");
	print_message("  100 MB in one line: %ld ms, %ld KiB more\n", clock_ms() - start, resident() - before);
#ifndef __SANITIZE_ADDRESS__
	assert_true(resident() - before < 4096);
#endif

	AUTO_FREE char *log = log_text(f);

	assert_true(strlen(log) <= 1024 * 1024);
	assert_non_null(strstr(log, " bytes of output are left out here: this log is capped at 1048576 bytes\n"));
}

static void an_endless_writer_is_ended_in_time(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "exec yes", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1000, 2500);
}

static void an_event_runs_its_scripts_in_order_up_to_the_first_failure(void **state)
{
	struct fixture *f = *state;
	struct appspec_script scripts[] = { { .location = "1.sh", .timeout_s = 20 },
					    { .location = "2.sh", .timeout_s = 20 },
					    { .location = "3.sh", .timeout_s = 20 } };
	struct appspec_hook hook = { .event = "AfterInstall", .scripts = scripts, .script_count = 3 };
	char tail[SCRIPT_LOG_TAIL + 1];

	file_put(f->archive, "1.sh", "#!/bin/sh\necho one\n", 0755);
	file_put(f->archive, "2.sh", "#!/bin/sh\necho two; exit 2\n", 0755);
	file_put(f->archive, "3.sh", "#!/bin/sh\necho three\n", 0755);
	assert_int_equal(-1, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_string_equal("2.sh", f->outcome.script);
	assert_int_equal(2, f->outcome.exit_code);
	assert_log(f, "LifecycleEvent - AfterInstall\nScript - 1.sh\n[stdout]one\nScript - 2.sh\n[stdout]two\n");
	script_log_tail(f->log, tail);
	assert_string_equal("LifecycleEvent - AfterInstall\nScript - 1.sh\n[stdout]one\nScript - 2.sh\n[stdout]two\n",
			    tail);
}

static void an_event_without_scripts_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct appspec_hook hook = { .event = "AfterInstall" };
	char tail[SCRIPT_LOG_TAIL + 1];

	assert_int_equal(0, hook_event_run(&f->run, NULL, &f->outcome, &f->err));
	assert_int_equal(0, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_null(f->outcome.script);
	assert_log(f, "");
	script_log_event(f->log, "Another");
	assert_int_equal(0, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_int_equal(0, script_log_tail(f->log, tail));
}

static void a_log_that_cannot_be_written_harms_no_hook(void **state)
{
	struct fixture *f = *state;

	file_put(f->folder, "logs", "", 0644);
	succeeds(f, "echo out");

	const char *trouble = script_log_trouble(f->log);

	assert_non_null(trouble);
	assert_true(str_ends(trouble, "Not a directory"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_goes_to_the_log_line_by_line),
		TEST(a_failing_script_tells_its_exit_code),
		TEST(a_killed_script_tells_the_signal),
		TEST(a_timeout_ends_the_whole_group),
		TEST(a_script_that_ignores_term_is_killed_after_the_grace),
		TEST(a_timeout_ends_what_has_left_the_group),
		TEST(a_timeout_spares_what_an_earlier_script_has_left),
		TEST(a_script_may_use_the_grace_to_clean_up),
		TEST(outputs_left_open_may_be_waited_for),
		TEST(outputs_that_are_closed_in_time_are_a_success),
		TEST(outputs_left_open_may_be_a_warning),
		TEST(outputs_left_open_may_be_a_failure_at_once),
		TEST(only_stderr_left_open_is_told_as_such),
		TEST(a_script_that_failed_is_not_blamed_for_its_outputs),
		TEST(a_redirected_daemon_is_no_matter),
		TEST(closing_the_output_early_is_no_end),
		TEST(a_stop_request_ends_a_script),
		TEST(a_killed_zygote_fails_the_hook_and_ends_it),
		TEST(a_script_sees_what_describes_the_deployment),
		TEST(of_two_values_the_nearer_one_counts),
		TEST(a_script_of_the_host_lies_elsewhere_and_is_told_so),
		TEST(a_script_of_the_host_needs_no_bundle_and_is_not_made_executable),
		TEST(a_script_runs_in_the_root_folder_with_its_own_group_and_no_input),
		TEST(runas_changes_user_groups_and_their_variables),
		TEST(an_ordinary_user_cannot_run_as_somebody_else),
		TEST(su_and_sudo_get_the_words_of_the_reference),
		TEST(an_ordinary_user_needs_sudo),
		TEST(a_program_that_is_not_there_is_named),
		TEST(a_missing_script_is_named_with_its_path),
		TEST(a_location_that_leads_out_of_the_bundle_is_refused),
		TEST(a_script_that_is_not_executable_is_made_so),
		TEST(a_script_that_cannot_be_made_executable_fails),
		TEST(what_cannot_be_started_says_why),
		TEST(names_with_blanks_are_no_matter),
		TEST(bytes_of_any_kind_arrive_as_they_are),
		TEST(a_line_is_kept_up_to_its_limit),
		TEST(a_secret_that_is_cut_is_hidden_all_the_same),
		TEST(a_hundred_megabytes_of_output_are_no_burden),
		TEST(an_endless_writer_is_ended_in_time),
		TEST(an_event_runs_its_scripts_in_order_up_to_the_first_failure),
		TEST(an_event_without_scripts_leaves_no_trace),
		TEST(a_log_that_cannot_be_written_harms_no_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
