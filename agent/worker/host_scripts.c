/* worker/host_scripts.c - see host_scripts.h. */
#include "worker/host_scripts.h"

#include "lifecycle/host_hooks.h"
#include "util/auto.h"
#include "util/str.h"

struct teller {
	void (*each)(void *context, const char *path, const struct stat *st);
	void *context;
};

static void tell(const struct teller *t, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		t->each(t->context, path, &st);
}

static void tell_event(const struct teller *t, const struct settings *s, const char *event)
{
	AUTO(host_hooks_done) struct host_hooks hooks = { 0 };
	AUTO(findings_done) struct findings found = { 0 };
	AUTO_FREE char *folder = xasprintf("%s/%s", s->hooks_dir, event);
	struct err e = ERR_INIT; /* whoever runs them tells it */

	if (host_hooks_find(s, event, &hooks, &found, &e) < 0)
		return;
	for (size_t i = 0; i < hooks.count; i++)
		tell(t, hooks.scripts[i].path);
	tell(t, folder);
}

void host_scripts_each(const struct deployment *d, const char *const *order,
		       void (*each)(void *context, const char *path, const struct stat *st), void *context)
{
	const struct teller t = { each, context };

	for (; d->settings.hooks_dir && *order; order++)
		tell_event(&t, &d->settings, *order);
	if (d->settings.policy && !d->trial)
		tell(&t, d->settings.policy);
}
