/* tests/crash/sweep.c - children that deploy, die or fail, and what they leave. */
#include "sweep.h"

#include "installer/journal.h"
#include "util/digest.h"
#include "util/str.h"
#include "worker/recovery.h"
#include "worker/runner.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED_STATUS	   1
#define TMPFS_MAGIC_NUMBER 0x01021994 /* linux/magic.h */

static void make_request(const struct sweep *s, const char *bundle, struct deployment *d)
{
	char *root = xasprintf("%s/root/deployment-root", s->base);

	*d = (struct deployment){
		.id = deployment_id_new("-local"),
		.application = xstrdup("crash"),
		.group = xstrdup("g1"),
		.group_name = xstrdup("g1"),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.requested_by_login = xstrdup("test"),
		.on_failure = ON_FAILURE_NONE,
		.revision = {
			.type = REVISION_LOCAL_DIRECTORY,
			.location = xasprintf("%s/%s", s->base, bundle),
			.bundle_type = xstrdup("directory"),
		},
	};
	settings_defaults(&d->settings, root);
	d->settings.worker_threads = false;
	free(root);
}

/* The rules of the oracle: private is what lies in a private folder or in the state, but for its last names. */
static bool is_private(void *context, const char *folder)
{
	(void)context;
	return strstr(folder, "/.slipway-") || strstr(folder, "/deployment-archive");
}

static unsigned words(void *context, const struct fs_call *call, const char *file)
{
	const char *bytes = call->bytes;
	uint32_t head[4]; /* installer/journal.h: length, sequence, first of the batch, type */
	unsigned found = 0;

	(void)context;
	if (!str_ends(file, "/journal"))
		return 0;
	for (size_t at = 0; at + sizeof(head) <= call->len; at += sizeof(head) + head[0] + sizeof(uint32_t)) {
		memcpy(head, bytes + at, sizeof(head));
		if (head[3] == JOURNAL_COMMIT)
			found |= ORACLE_COMMIT;
		else if (head[3] == JOURNAL_DONE || head[3] == JOURNAL_UNDONE)
			found |= ORACLE_SETTLED;
	}
	return found;
}

static bool is_scratch(void *context, const struct fs_call *call)
{
	(void)context;
	return call->to_name && !strcmp(call->to_name, "deployment-archive");
}

static struct oracle *watch(void)
{
	return oracle_new(&(struct oracle_rules){ is_private, words, is_scratch, NULL });
}

static int deploy_here(const struct sweep *s, const char *bundle)
{
	struct progress progress = { .fd = -1 };
	struct deployment_result result = { 0 };
	struct err err = ERR_INIT;
	struct deployment d;

	make_request(s, bundle, &d);
	d.on_failure = !strcmp(bundle, "bad") ? ON_FAILURE_RESTORE : ON_FAILURE_NONE;

	const struct runner r = { .deployment = &d, .progress = &progress, .stop_fd = -1, .umask = 022 };
	int failed = runner_run(&r, &result, &err);

	if (failed && !*err.msg) {
		(void)fprintf(stderr, "a deployment failed without a word\n");
		abort();
	}
	if (failed && getenv("SLIPWAY_CRASH_TALK"))
		(void)fprintf(stderr, "    %s\n", err.msg);
	deployment_result_done(&result);
	deployment_done(&d);
	return failed ? FAILED_STATUS : 0;
}

static int recover_here(const struct sweep *s)
{
	struct err err = ERR_INIT;
	struct deployment d;
	struct group g;
	int r;

	make_request(s, "new", &d);
	r = group_open(d.settings.deployment_root, d.group, NULL, &g, &err);
	if (r == 0) {
		struct progress progress = { .fd = -1 };

		r = recovery_run(&(struct recovery){ .group = &g, .progress = &progress }, &err);
		group_done(&g);
	}
	if (r < 0 && getenv("SLIPWAY_CRASH_TALK"))
		(void)fprintf(stderr, "    recovery: %s\n", err.msg);
	deployment_done(&d);
	return r < 0 ? FAILED_STATUS : 0;
}

struct child { /* shared with the parent */
	unsigned long calls;
};

static struct ending in_child(struct sweep *s, struct observer *o, int (*work)(const struct sweep *, const char *),
			      const char *arg)
{
	struct child *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct observer plain = { .action = OBSERVER_COUNT };
	int status = 0;
	pid_t pid;

	if (!o)
		o = &plain;
	(void)fflush(NULL); /* a child must not print what its parent has buffered */
	pid = fork();
	if (pid == 0) {
		umask(0);
		o->oracle = watch();
		observer_start(o);

		int r = work(s, arg);

		observer_stop();
		shared->calls = observer_calls(o);
		if (oracle_violations(o->oracle))
			r = observer_exit_status(o);
		oracle_free(o->oracle);
		exit(r); /* not _exit: LeakSanitizer looks at the end */
	}
	(void)waitpid(pid, &status, 0);

	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	struct ending e = {
		.killed = code == OBSERVER_KILLED,
		.disorder = code == OBSERVER_DISORDER,
		.crashed = code != OBSERVER_KILLED && code != OBSERVER_DISORDER && code != 0 && code != FAILED_STATUS,
		.succeeded = code == 0,
		.calls = shared->calls,
	};

	(void)munmap(shared, sizeof(*shared));
	return e;
}

static int recover_in_child(const struct sweep *s, const char *arg)
{
	(void)arg;
	return recover_here(s);
}

struct ending sweep_deploy(struct sweep *s, struct observer *o)
{
	s->asked = "/new";
	return in_child(s, o, deploy_here, "new");
}

struct ending sweep_fail(struct sweep *s, struct observer *o)
{
	s->asked = "/bad";
	return in_child(s, o, deploy_here, "bad");
}

struct ending sweep_recover(struct sweep *s, struct observer *o)
{
	return in_child(s, o, recover_in_child, NULL);
}

/* Names and contents of the group's files, but for the pointer that says what was downloaded last. */
static char *list_records(const struct sweep *s)
{
	struct str out = STR_INIT(1024 * 1024);
	char *pattern = xasprintf("%s/root/deployment-root/deployment-instructions/*", s->base);
	struct err err = ERR_INIT;
	glob_t g = { 0 };

	for (size_t i = 0, n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0; i < n; i++) {
		struct str text = STR_INIT(1024 * 1024);

		if (!strstr(g.gl_pathv[i], "most_recent") && fs_read_file(AT_FDCWD, g.gl_pathv[i], &text, &err) == 1)
			(void)str_printf(&out, "%s: %s\n", g.gl_pathv[i], str_text(&text));
		str_done(&text);
	}
	globfree(&g);
	free(pattern);
	return str_take(&out);
}

bool sweep_records_are_old(const struct sweep *s)
{
	char *now = list_records(s);
	bool same = !strcmp(now, s->old_records);

	if (!same && getenv("SLIPWAY_CRASH_TALK"))
		(void)fprintf(stderr, "--- old records\n%s--- records now\n%s", s->old_records, now);
	free(now);
	return same;
}

void sweep_reset(struct sweep *s)
{
	char *world = xasprintf("%s/world", s->base);

	scenario_clear(s->base);
	scenario_build(s->scenario, s->base);
	if (s->scenario->old && !in_child(s, NULL, deploy_here, "old").succeeded) {
		(void)fprintf(stderr, "%s: the old revision could not be deployed\n", s->scenario->name);
		abort();
	}
	free(s->old_tree);
	free(s->old_tree_exact);
	free(s->old_records);
	s->asked = "/new";
	s->old_records = list_records(s);
	s->old_tree = scenario_listing(world, false);
	s->old_tree_exact = scenario_listing(world, true);
	free(world);
}

static bool is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC_NUMBER && access(path, W_OK) == 0;
}

void sweep_begin(struct sweep *s, const struct scenario *scenario)
{
	const char *asked = getenv("SLIPWAY_CRASH_DIR");
	const char *above = asked ? asked : is_tmpfs("/dev/shm") ? "/dev/shm" : "/tmp";
	char *pattern = xasprintf("%s/slipway-crash.XXXXXX", above);

	*s = (struct sweep){ .scenario = scenario, .base = pattern };
	if (!mkdtemp(pattern)) {
		perror(pattern);
		abort();
	}
	sweep_reset(s);

	struct ending e = sweep_deploy(s, NULL);
	char *world = xasprintf("%s/world", s->base);

	if (!e.succeeded) {
		(void)fprintf(stderr, "%s: the new revision could not be deployed\n", scenario->name);
		abort();
	}
	s->new_tree = scenario_listing(world, false);
	free(world);
}

void sweep_end(struct sweep *s)
{
	scenario_clear(s->base);
	free(s->base);
	free(s->old_tree);
	free(s->old_tree_exact);
	free(s->old_records);
	free(s->new_tree);
}

enum tree_state sweep_tree(const struct sweep *s)
{
	char *world = xasprintf("%s/world", s->base);
	char *now = scenario_listing(world, false), *exact = scenario_listing(world, true);
	enum tree_state state = !strcmp(exact, s->old_tree_exact) ? TREE_IS_OLD_EXACTLY
				: !strcmp(now, s->new_tree)	  ? TREE_IS_NEW
				: !strcmp(now, s->old_tree)	  ? TREE_IS_OLD
								  : TREE_IS_MIXED;

	if (state == TREE_IS_MIXED && getenv("SLIPWAY_CRASH_TALK"))
		(void)fprintf(stderr, "--- old\n%s--- new\n%s--- now\n%s", s->old_tree, s->new_tree, now);
	free(world);
	free(now);
	free(exact);
	return state;
}

const char *tree_state_name(enum tree_state state)
{
	static const char *const names[] = { "old but for the times of folders", "old", "new", "mixed" };

	return names[state];
}

/* The folders of the group, newest last (glob sorts by name, so by time of change here). */
static size_t deployments(const struct sweep *s, glob_t *g)
{
	char *pattern = xasprintf("%s/root/deployment-root/g1/d-*", s->base);
	size_t n = glob(pattern, 0, NULL, g) == 0 ? g->gl_pathc : 0;

	free(pattern);
	return n;
}

unsigned sweep_deployments(const struct sweep *s)
{
	glob_t g = { 0 };
	unsigned n = (unsigned)deployments(s, &g);

	globfree(&g);
	return n;
}

unsigned sweep_unfinished(const struct sweep *s)
{
	glob_t g = { 0 };
	unsigned unfinished = 0;

	for (size_t i = 0, n = deployments(s, &g); i < n; i++) {
		char *path = xasprintf("%s/result.json", g.gl_pathv[i]);

		unfinished += access(path, F_OK) != 0;
		free(path);
	}
	globfree(&g);
	return unfinished;
}

static enum tree_state told_by(json_t *result)
{
	const char *now = json_string_value(json_object_get(result, "now"));

	if (!now || json_is_true(json_object_get(result, "needs_recovery")))
		return TREE_IS_MIXED;
	if (strstr(now, "untouched") || strstr(now, "nothing") || strstr(now, "are back") || strstr(now, "is back"))
		return TREE_IS_OLD;
	return strstr(now, "in place") ? TREE_IS_NEW : TREE_IS_MIXED;
}

enum tree_state sweep_result(const struct sweep *s)
{
	glob_t g = { 0 };
	enum tree_state told = TREE_IS_OLD; /* no deployment: nothing was changed */
	bool any_new = false;

	for (size_t i = 0, n = deployments(s, &g); i < n; i++) {
		char *path = xasprintf("%s/result.json", g.gl_pathv[i]);
		json_t *result = json_load_file(path, 0, NULL);
		json_t *revision = json_object_get(result, "revision");
		const char *location = json_string_value(json_object_get(revision, "location"));

		if (location && str_ends(location, s->asked)) {
			told = told_by(result);
			any_new = true;
		}
		json_decref(result);
		free(path);
	}
	globfree(&g);
	return any_new ? told : TREE_IS_OLD;
}

struct tally sweep_all(void (*one)(const struct scenario *scenario, struct tally *tally))
{
	enum { PROCESSES = 2 };
	struct tally *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[PROCESSES];

	digest_free(digest_new()); /* libcrypto sets itself up here, not in each of the many children */
	(void)fflush(NULL);	   /* a child must not print what its parent has buffered */
	for (size_t n = 0; n < PROCESSES; n++) {
		pids[n] = fork();
		if (pids[n] != 0)
			continue;
		for (size_t i = n; i < scenario_count; i += PROCESSES) {
			one(&scenarios[i], shared);
			(void)fflush(NULL); /* line by line, also into a pipe */
		}
		_exit(0);
	}
	for (size_t n = 0; n < PROCESSES; n++) {
		int status;

		if (waitpid(pids[n], &status, 0) < 0 || status != 0)
			atomic_fetch_add(&shared->failures, 1); /* a sweep that died proves nothing */
	}

	struct tally all = { shared->points, shared->more, shared->failures };

	(void)munmap(shared, sizeof(*shared));
	return all;
}
