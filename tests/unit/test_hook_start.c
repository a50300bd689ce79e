/* How the scripts of an event are started, with real processes: what they see, as which user they run, what cannot be
 * started.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hook_help.h"

#include <sys/wait.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
