/* worker/hook_try.c - a hook by way of a zygote, but to a terminal instead of a log. */
#include "worker/hook_try.h"

#include "format/json.h"
#include "lifecycle/descendants.h"
#include "lifecycle/hook.h"
#include "lifecycle/hook_environment.h"
#include "lifecycle/hook_language.h"
#include "lifecycle/hook_lua.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/str.h"
#include "worker/hook_test.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_VARS 10000
#define MAX_VAR	 (128 * 1024)

/* What a service gets from systemd; the caller's own variables are none of the agent's. */
static char *const service_environment[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LANG=C.UTF-8", NULL
};

struct trial {
	struct zygote *zygote;
	struct zygote_child child;
	struct descendants descendants;
	struct environment environment;
	char *bundle, *path; /* absolute */
	char *name;	     /* of a ready-made hook, for messages; NULL: it is a file */
	const char *use, *with;
	int timeout_s;
};

static void trial_done(struct trial *t)
{
	zygote_free(t->zygote);
	environment_done(&t->environment);
	auto_closep(&t->child.pidfd);
	free(t->bundle);
	free(t->path);
	free(t->name);
}

/* The script as messages name it: its path in the bundle. */
static const char *name_of(const struct trial *t)
{
	size_t n = strlen(t->bundle);

	if (t->name)
		return t->name;
	return !strncmp(t->path, t->bundle, n) && t->path[n] == '/' ? t->path + n + 1 : t->path;
}

static int find(struct trial *t, const char *file, struct err *err)
{
	t->path = realpath(file, NULL);
	if (!t->path)
		return err_sys(err, "'%s'", file);
	t->bundle = hook_lua_bundle(t->path);
	return 0;
}

static int find_ready_made(struct trial *t, const char *name, const char *with, struct err *err)
{
	t->bundle = realpath(".", NULL);
	if (!t->bundle)
		return err_sys(err, "the working directory");
	t->use = name;
	t->with = with;
	t->path = xasprintf(SLIPWAY_HOOKDIR "/%s.lua", name);
	t->name = xasprintf("use: %s", name);
	return 0;
}

void hook_try_environment(const struct appspec_script *script, const struct hook_scene *scene, struct environment *out)
{
	char host[HOST_NAME_MAX + 1] = "";
	const bool named = gethostname(host, sizeof(host) - 1) == 0 && *host;
	char *group = (char *)(scene->group ? scene->group : "try");
	const struct deployment deployment = { .id = (char *)"d-TRYHOOK00",
					       .application = (char *)"try",
					       .group = group,
					       .group_name = group,
					       .settings = { .instance = named ? host : NULL,
							     .variables = scene->host } };
	struct hook_run run = HOOK_RUN_INIT;

	run.script = script;
	run.deployment = &deployment;
	run.event = scene->event;
	run.archive_dir = scene->bundle;
	run.environment = (const char *const *)scene->own;
	/* forbidding a restore must work, and must not matter */
	environment_put(out, "SLIPWAY_NO_RESTORE=/dev/null");
	hook_environment(&run, NULL, service_environment, out);
}

/* What the configuration, which the command has read, has for the hooks of the group. */
static int read_vars(char ***out, struct err *err)
{
	const char *text = getenv(HOOK_TRY_VARS);
	json_t *list = text ? json_loads(text, 0, NULL) : NULL, *whole = json_pack("{s:o*}", "vars", list);
	struct jobject o;
	int r = jobject_open(whole, "variables of the host", &o, err);

	if (r == 0)
		r = jobject_strings(&o, "vars", MAX_VARS, MAX_VAR, out, err);
	json_decref(whole);
	return r < 0 ? -1 : 0;
}

static int surround(struct trial *t, const char *event, const char *group, char *const *own, struct err *err)
{
	const struct appspec_script script = { .location = name_of(t), .timeout_s = t->timeout_s, .with = t->with };
	struct hook_scene scene = { .bundle = t->bundle, .event = event, .own = own };

	if (*group) {
		scene.group = group;
		if (read_vars(&scene.host, err) < 0)
			return -1;
	}
	hook_try_environment(&script, &scene, &t->environment);
	jstrings_free(scene.host);
	return 0;
}

static int start(struct trial *t, struct err *err)
{
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const bool lua = t->use || hook_is_lua(t->path);
	const char *const argv[] = { t->path, lua ? name_of(t) : NULL, t->use, NULL };
	const struct zygote_request request = { .kind = argv[1] ? ZYGOTE_CALL : ZYGOTE_EXEC,
						.argv = argv,
						.environment = (const char *const *)t->environment.items,
						.cwd = "/",
						.umask = 022,
						.in = null,
						.out = STDOUT_FILENO,
						.err = STDERR_FILENO };

	descendants_note_older(&t->descendants, zygote_pid(t->zygote));

	int started = zygote_run(t->zygote, &request, &t->child, err);

	if (started) {
		t->descendants.group = t->child.pid;
		return started < 0 ? -1 : 0;
	}
	return err_set(err, ERR_SCRIPT_FAILED, "%s cannot be started: %s (while %s)%s", name_of(t),
		       strerrordesc_np(t->child.error), t->child.step, t->child.error == EACCES ? "; chmod +x it" : "");
}

/* 1: it ended with *STATUS; 0: it has not by UNTIL_MS. */
static int wait_for_end(struct trial *t, int64_t until_ms, int *status, struct err *err)
{
	struct pollfd p = { .fd = zygote_fd(t->zygote), .events = POLLIN };

	for (;;) {
		int64_t left = until_ms - proc_clock_ms();

		if (left <= 0)
			return 0;
		if (poll(&p, 1, left < 60000 ? (int)left : 60000) > 0)
			return zygote_ended(t->zygote, status, err);
	}
}

/* The exit status of `slipway hook`. */
static int supervise(struct trial *t, struct err *err)
{
	int64_t begun = proc_clock_ms();
	int status = 0, ended = wait_for_end(t, begun + (int64_t)t->timeout_s * 1000, &status, err);

	if (ended == 0) {
		log_error("%s timed out: it did not end within %d s", name_of(t), t->timeout_s);
		/* a hook that has just ended stays a zombie until it is released: its number means nobody else */
		(void)descendants_signal(&t->descendants, SIGTERM);
		ended = wait_for_end(t, proc_clock_ms() + HOOK_GRACE_MS, &status, err);
		(void)descendants_signal(&t->descendants, SIGKILL);
		return ended < 0 ? -1 : 1;
	}
	if (ended < 0)
		return -1;

	double seconds = (double)(proc_clock_ms() - begun) / 1000;

	if (WIFSIGNALED(status))
		log_error("%s was killed by signal %d", name_of(t), WTERMSIG(status));
	else if (WEXITSTATUS(status))
		log_error("%s failed with exit code %d after %.2f s", name_of(t), WEXITSTATUS(status), seconds);
	else
		(void)fprintf(stderr, "%s succeeded in %.2f s\n", name_of(t), seconds);
	return status != 0;
}

static const struct zygote_calls zygote_calls = { hook_lua_main, NULL };

static int try(int argc, char **argv, struct err *err)
{
	AUTO(trial_done) struct trial t = { .child.pidfd = -1 };
	const bool use = argc > 0 && !strcmp(argv[0], "use");

	if (argc < 6)
		return err_set(err, ERR_USAGE, "started by `slipway hook`, not by hand");
	t.timeout_s = atoi(argv[3]);
	if (zygote_start(&zygote_calls, &t.zygote, err) < 0 ||
	    (use ? find_ready_made(&t, argv[1], argv[4], err) : find(&t, argv[1], err)) < 0)
		return -1;
	if (surround(&t, argv[2], argv[5], argv + 6, err) < 0 || start(&t, err) < 0)
		return -1;
	return supervise(&t, err);
}

static int as_is(int argc, char **argv, struct err *err)
{
	AUTO(trial_done) struct trial t = { .child.pidfd = -1 };

	if (argc != 2)
		return err_set(err, ERR_USAGE, "started by `slipway hook`, not by hand");
	(void)close(ZYGOTE_REPORT_FD); /* whatever the agent uses it for, it has not asked for our reports */
	if (find(&t, argv[1], err) < 0)
		return -1;

	char *words[] = { t.path, (char *)name_of(&t), NULL };

	return hook_lua_main(words, environ);
}

int hook_try_main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc > 0 && !strcmp(argv[0], "test"))
		return hook_test_main(argc - 1, argv + 1);

	int r = argc > 0 && !strcmp(argv[0], "as-is") ? as_is(argc, argv, &err) : try(argc, argv, &err);

	if (r < 0)
		log_error("%s", err.msg);
	return r < 0 ? (err.kind == ERR_USAGE ? 2 : 1) : r;
}
