/* worker/hook_test.c - see hook_test.h. */
#include "worker/hook_test.h"

#include "format/json.h"
#include "lifecycle/hook_lua.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/str.h"
#include "worker/hook_test_case.h"
#include "worker/hook_test_files.h"
#include "worker/hook_test_report.h"

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define GRACE_MS  1000 /* for what ends by itself at its deadline */
#define SLICE_MS  500
#define MAX_TOLD  (4u * 1024 * 1024)
#define MAX_JUNIT (64u * 1024 * 1024)
#define MAX_NAMES 800 /* bytes of names in a message */

static volatile sig_atomic_t signalled;

static void on_signal(int signal)
{
	signalled = signal;
}

struct session {
	int64_t timeout_ms;
	bool json;
	const char *filter; /* of the names of cases; "": all */
	json_t *left_out;   /* the cases that it does not fit */
	char *folder;	    /* what the cases put below it goes after each */
	json_t *results;
};

static void session_done(struct session *s)
{
	free(s->folder);
	json_decref(s->results);
	json_decref(s->left_out);
}

static void json_donep(json_t **j)
{
	json_decref(*j);
}

static void handle_signals(void (*handler)(int))
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction a = { .sa_handler = handler };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		(void)sigaction(ends[i], &a, NULL); /* cannot fail for these */
}

/* In the child: the case, and what became of it as one line of JSON. Its own output is not part of the report. */
__attribute__((noreturn)) static void play(const struct hook_test_case *c, int out, pid_t parent)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	handle_signals(SIG_DFL);
	(void)sigaction(SIGPIPE, &ignore, NULL); /* a program that does not read its input */
	if (getppid() != parent || chdir("/") < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(1);

	json_t *told = hook_test_case_run(c);
	char *text = json_dumps(told, JSON_COMPACT);

	if (!text || fs_write(out, text, strlen(text)) < 0 || fs_write(out, "\n", 1) < 0)
		_exit(1);
	free(text);
	json_decref(told);
	exit(0); /* not _exit: the sanitizers have a look at what is left */
}

/* One line from FD. false: there is none by UNTIL_MS, or it ended before. */
static bool read_line(int fd, int64_t until_ms, struct str *line)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	while (!signalled) {
		int64_t left = until_ms - proc_clock_ms();

		if (left <= 0)
			return false;
		if (poll(&p, 1, left < SLICE_MS ? (int)left : SLICE_MS) <= 0)
			continue;

		ssize_t n = read(fd, bytes, sizeof(bytes));

		if (n <= 0 || str_append(line, bytes, (size_t)n) < 0)
			return false;
		if (bytes[n - 1] == '\n')
			return true;
	}
	return false;
}

static json_t *failure(const char *message)
{
	return json_pack("{s:b, s:b, s:o}", "ok", 0, "ran", 1, "message", jtext(message));
}

/* What a child that told nothing died of. */
static json_t *silence(const struct hook_test_case *c, int status, bool late)
{
	AUTO_FREE char *text = NULL;

	if (late)
		text = xasprintf("%s: did not come to an end within %g s, and was killed", c->name,
				 (double)c->timeout_ms / 1000);
	else if (WIFSIGNALED(status))
		text = xasprintf("%s: its process was killed by signal %d", c->name, WTERMSIG(status));
	else
		text = xasprintf("%s: its process ended without a result", c->name);
	return failure(text);
}

/* What became of C, a new reference; NULL: ERR_SYS. */
static json_t *run_apart(const struct hook_test_case *c, struct err *err)
{
	struct str line = STR_INIT(MAX_TOLD);
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe"), NULL;
	(void)fflush(NULL); /* or the child would print it again */

	const pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		play(c, ends[1], parent);
	(void)close(ends[1]); /* a pipe's end, nothing to flush */

	if (pid < 0) {
		(void)close(ends[0]);
		return err_sys(err, "forking"), NULL;
	}

	const int64_t until_ms = proc_clock_ms() + c->timeout_ms + GRACE_MS;
	const bool told = read_line(ends[0], until_ms, &line), late = !told && proc_clock_ms() >= until_ms;

	(void)close(ends[0]);
	if (late || signalled)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;

	json_t *result = told && status == 0 ? json_loads(str_text(&line), 0, NULL) : NULL;

	str_done(&line);
	return result ? result : silence(c, status, late);
}

static void clear(const struct session *s)
{
	struct err err = ERR_INIT;

	if (fs_remove_tree(AT_FDCWD, s->folder, &err) < 0)
		log_warning("%s", err.msg);
}

static void keep(struct session *s, const struct hook_test_case *c, const char *name, json_int_t line, json_t *told,
		 int64_t begun_ms)
{
	const size_t count = json_array_size(s->results);
	json_t *result = json_pack("{s:o, s:o, s:I, s:I, s:O}", "file", jpath(c->name), "case", jtext(name), "line",
				   line, "duration_ms", (json_int_t)(proc_clock_ms() - begun_ms), "ok",
				   json_object_get(told, "ok"));

	for (size_t i = 0; i < 3 && !json_is_true(json_object_get(told, "ok")); i++) {
		static const char *const keys[] = { "message", "action", "trace" };
		json_t *text = json_object_get(told, keys[i]);

		json_object_set_new(result, keys[i], text ? json_incref(text) : json_string(""));
	}
	if (!json_is_true(json_object_get(told, "ok")))
		json_object_set_new(result, "log",
				    json_is_array(json_object_get(told, "log"))
					    ? json_incref(json_object_get(told, "log"))
					    : json_array());
	json_array_append_new(s->results, result);
	if (!s->json)
		hook_test_report_line(result, count ? json_array_get(s->results, count - 1) : NULL);
}

static int run_case(struct session *s, struct hook_test_case *c, const json_t *found, struct err *err)
{
	const int64_t begun_ms = proc_clock_ms();
	AUTO(json_donep) json_t *told = run_apart(c, err);

	if (!told || signalled)
		return told ? 0 : -1;
	if (!json_is_true(json_object_get(told, "ran"))) {
		json_decref(told);
		told = failure("the case is not there when the file is loaded again: which cases a file has must not "
			       "depend on anything");
	}
	keep(s, c, json_string_value(json_object_get(found, "name")),
	     json_integer_value(json_object_get(found, "line")), told, begun_ms);
	clear(s);
	return 0;
}

/* The file as its bundle knows it. */
static const char *name_of(const char *path, const char *bundle)
{
	size_t n = strlen(bundle);

	return !strncmp(path, bundle, n) && path[n] == '/' ? path + n + 1 : path;
}

static int run_file(struct session *s, const char *path, struct err *err)
{
	AUTO_FREE char *bundle = hook_lua_bundle(path);
	struct hook_test_case c = { .path = path,
				    .name = name_of(path, bundle),
				    .bundle = bundle,
				    .index = HOOK_TEST_LIST,
				    .timeout_ms = s->timeout_ms,
				    .folder = s->folder };
	const int64_t begun_ms = proc_clock_ms();
	AUTO(json_donep) json_t *told = run_apart(&c, err);
	size_t i;
	json_t *found;

	if (!told || signalled)
		return told ? 0 : -1;
	if (json_is_true(json_object_get(told, "ok")) && !json_array_size(json_object_get(told, "cases"))) {
		json_decref(told);
		told = failure("there is no case in it: slipway.test.case(name, function)");
	}
	if (!json_is_true(json_object_get(told, "ok"))) {
		keep(s, &c, "(the file)", 0, told, begun_ms);
		return 0;
	}
	json_array_foreach(json_object_get(told, "cases"), i, found)
	{
		if (!strcasestr(json_string_value(json_object_get(found, "name")), s->filter)) {
			json_array_append(s->left_out, json_object_get(found, "name"));
			continue;
		}
		c.index = (int)i;
		if (run_case(s, &c, found, err) < 0)
			return -1;
		if (signalled)
			return 0;
	}
	return 0;
}

static int write_junit(const struct session *s, const char *path, struct err *err)
{
	AUTO_FREE char *own = xstrdup(path), *other = xstrdup(path);
	struct str text = STR_INIT(MAX_JUNIT);
	AUTO_FD int folder = fs_open_dir(dirname(own), err);
	int r = folder < 0 ? -1 : hook_test_report_junit(s->results, &text, err);

	if (r == 0)
		r = fs_write_file(folder, basename(other), str_text(&text), text.len, 0644, err);
	str_done(&text);
	return r < 0 ? err_add(err, "--junit") : 0;
}

/* A filter that fits nothing is a mistake, not a success. */
static int nothing_fits(const struct session *s, struct err *err)
{
	AUTO(str_done) struct str names = STR_INIT(MAX_NAMES);
	size_t i;
	json_t *name;

	json_array_foreach(s->left_out, i, name)
	{
		if (str_printf(&names, "%s'%s'", i ? ", " : "", json_string_value(name)) < 0)
			break; /* those that are told show how the others may be called */
	}
	return err_set(err, ERR_USAGE, "--filter: no case has '%s' in its name; there are %s%s", s->filter,
		       str_text(&names), i < json_array_size(s->left_out) ? " and more" : "");
}

static int report(const struct session *s, const char *junit, double seconds, struct err *err)
{
	const size_t left_out = json_array_size(s->left_out);

	if (left_out && !json_array_size(s->results))
		return nothing_fits(s, err);
	if (s->json) {
		AUTO(json_donep) json_t *all = hook_test_report_json(s->results, left_out, seconds);

		(void)json_dumpf(all, stdout, JSON_COMPACT);
		(void)puts("");
	} else {
		hook_test_report_end(s->results, left_out, seconds);
	}
	if (*junit && write_junit(s, junit, err) < 0)
		return -1;
	return hook_test_report_failed(s->results) ? 1 : 0;
}

static int run(int argc, char **argv, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	AUTO_FREE char *id = deployment_id_new("");
	AUTO(hook_test_files_done) struct hook_test_files files = { 0 };
	AUTO(session_done) struct session s = { .results = json_array(), .left_out = json_array() };
	const int64_t begun_ms = proc_clock_ms();

	if (argc < 5)
		return err_set(err, ERR_USAGE, "started by `slipway hook`, not by hand");
	s.timeout_ms = (int64_t)atoi(argv[0]) * 1000;
	s.json = !strcmp(argv[1], "json");
	s.filter = argv[3];
	s.folder = xasprintf("%s/slipway-%s", tmp && *tmp == '/' ? tmp : "/tmp", id);
	for (int i = 4; i < argc; i++)
		if (hook_test_files_add(&files, argv[i], err) < 0)
			return -1;
	handle_signals(on_signal);
	for (size_t i = 0; i < files.count && !signalled; i++)
		if (run_file(&s, files.items[i], err) < 0)
			return -1;
	clear(&s);
	if (signalled)
		return 128 + signalled;
	return report(&s, argv[2], (double)(proc_clock_ms() - begun_ms) / 1000, err);
}

int hook_test_main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int r = run(argc, argv, &err);

	if (r < 0)
		log_error("%s", err.msg);
	return r < 0 ? (err.kind == ERR_USAGE ? 2 : 1) : r;
}
