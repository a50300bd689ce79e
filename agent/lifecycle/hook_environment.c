/* lifecycle/hook_environment.c - variables and users. */
#include "lifecycle/hook_environment.h"

#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#define USER_BUFFER_MAX (1024 * 1024)

/* Names that begin so stay with the agent: its credentials (the reference leaks them, 11.2 Q22), its own settings, and
 * what systemd says to the service itself. */
static const char *const kept_back[] = {
	"AWS_ACCESS_KEY",	 "AWS_SECRET",	    "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "SLIPWAY_",
	"NOTIFY_SOCKET",	 "WATCHDOG_",	    "LISTEN_FD",	 "LISTEN_PID",	       "AWS_CONTAINER_",
	"CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "JOURNAL_STREAM",     "INVOCATION_ID",
	"AWS_CREDENTIAL_FILE"
};

void environment_done(struct environment *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->items[i]);
	free(e->items);
	*e = (struct environment){ 0 };
}

static void take(struct environment *e, char *item)
{
	size_t name = strcspn(item, "=") + 1;

	for (size_t i = 0; i < e->count; i++)
		if (!strncmp(e->items[i], item, name)) {
			free(e->items[i]);
			e->items[i] = item;
			return;
		}
	if (e->count + 2 > e->capacity) {
		e->capacity = e->capacity ? e->capacity * 2 : 64;
		e->items = xrealloc(e->items, e->capacity * sizeof(*e->items));
	}
	e->items[e->count++] = item;
	e->items[e->count] = NULL;
}

void environment_put(struct environment *e, const char *item)
{
	if (strchr(item, '='))
		take(e, xstrdup(item));
}

void environment_set(struct environment *e, const char *name, const char *value)
{
	take(e, xasprintf("%s=%s", name, value));
}

void hook_user_done(struct hook_user *u)
{
	free(u->name);
	free(u->home);
	free(u->shell);
	free(u->groups);
	*u = (struct hook_user){ 0 };
}

static void find_groups(struct hook_user *u)
{
	int n = 32, had = 0;

	do { /* the list may grow between two calls */
		had = n;
		u->groups = xrealloc(u->groups, (size_t)n * sizeof(gid_t));
	} while (getgrouplist(u->name, u->gid, u->groups, &n) < 0 && n > had);
	u->group_count = (size_t)(n < had ? n : had);
}

int hook_user_find(const char *name, struct hook_user *out, struct err *err)
{
	struct passwd pw, *found = NULL;
	AUTO_FREE char *buffer = NULL;
	int r = ERANGE;

	for (size_t size = 4096; r == ERANGE && size <= USER_BUFFER_MAX; size *= 4) {
		buffer = xrealloc(buffer, size);
		r = getpwnam_r(name, &pw, buffer, size, &found);
	}
	if (!found && (r == 0 || r == ENOENT || r == ESRCH)) /* getpwnam(3): all three mean that there is none */
		return 0;
	if (!found) {
		errno = r;
		return err_sys(err, "looking up user '%s'", name);
	}
	*out = (struct hook_user){ .name = xstrdup(pw.pw_name),
				   .home = xstrdup(pw.pw_dir && *pw.pw_dir ? pw.pw_dir : "/"),
				   .shell = xstrdup(pw.pw_shell && *pw.pw_shell ? pw.pw_shell : "/bin/sh"),
				   .uid = pw.pw_uid,
				   .gid = pw.pw_gid };
	find_groups(out);
	return 1;
}

static bool is_kept_back(const char *item)
{
	for (size_t i = 0; i < ARRAY_LEN(kept_back); i++)
		if (str_starts(item, kept_back[i]))
			return true;
	return false;
}

void hook_environment(const struct hook_run *run, const struct hook_user *user, char *const *inherited,
		      struct environment *out)
{
	const struct deployment *d = run->deployment;
	const struct {
		const char *name, *value;
	} about[] = {
		{ "LIFECYCLE_EVENT", run->event },
		{ "DEPLOYMENT_ID", d->id },
		{ "APPLICATION_NAME", d->application },
		{ "DEPLOYMENT_GROUP_NAME", d->group_name },
		{ "DEPLOYMENT_GROUP_ID", d->group },
		{ "SLIPWAY_INSTANCE", d->settings.instance },
		{ "SLIPWAY_REGION", d->settings.region },
		{ "SLIPWAY_ARCHIVE_DIR", run->archive_dir },
		{ "SLIPWAY_PREVIOUS_ARCHIVE_DIR", run->previous_archive_dir },
		{ "SLIPWAY_INSTALL_PREFIX", d->settings.install_prefix ? d->settings.install_prefix : "" },
		{ "SLIPWAY_HOOKS_DIR", run->script->path ? d->settings.hooks_dir : NULL },
		{ "SLIPWAY_WITH", run->script->with },
		{ "HOME", user ? user->home : NULL },
		{ "USER", user ? user->name : NULL },
		{ "LOGNAME", user ? user->name : NULL },
		{ "SHELL", user ? user->shell : NULL },
	};

	for (; *inherited; inherited++)
		if (!is_kept_back(*inherited))
			environment_put(out, *inherited);
	for (const char *const *e = run->script->environment; e && *e; e++)
		environment_put(out, *e);
	for (char *const *e = d->settings.variables; e && *e; e++)
		environment_put(out, *e);
	for (const char *const *e = run->environment; e && *e; e++)
		environment_put(out, *e);
	for (size_t i = 0; i < ARRAY_LEN(about); i++)
		if (about[i].value)
			environment_set(out, about[i].name, about[i].value);
}
