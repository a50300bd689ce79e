/* cli/doctor_hooks.c - the hooks of this host: are they safe, can they run, does an event call them? */
#include "cli/doctor.h"
#include "format/plain.h"
#include "lifecycle/event.h"
#include "lifecycle/host_hooks.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <dirent.h>

#define CHECK "hooks"

static void tell(struct doctor *d, const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		doctor_say(d, f->items[i].level == FINDING_ERROR ? DOCTOR_ERROR : DOCTOR_WARNING, CHECK, NULL, "%s",
			   f->items[i].message);
}

/* An event of one's own is fine, and a slip of the pen looks like one. */
static void check_name(struct doctor *d, const char *event)
{
	const char *const *known = event_default_order();
	const char *meant = event_is_default(event) ? NULL : nearest_name(event, known, EVENT_DEFAULT_COUNT);
	AUTO_FREE char *shown = plain_path(event);

	if (meant)
		doctor_say(d, DOCTOR_WARNING, CHECK, NULL,
			   "'%s' in '%s' is no event of a usual deployment: did you mean '%s'?", shown,
			   d->config->settings.hooks_dir, meant);
}

/* Returns how many scripts there are; what is wrong is told. */
static size_t check_event(struct doctor *d, const char *event)
{
	AUTO(findings_done) struct findings found = { 0 };
	AUTO(host_hooks_done) struct host_hooks hooks = { 0 };
	struct err ignored = ERR_INIT; /* the first of what is found */
	size_t count;

	(void)host_hooks_find(&d->config->settings, event, &hooks, &found, &ignored);
	count = hooks.count;
	if (count || found.count)
		check_name(d, event);
	tell(d, &found);
	return count;
}

/* The folder itself; what is wrong with it is wrong with every event. */
static bool check_top(struct doctor *d)
{
	AUTO(findings_done) struct findings found = { 0 };
	struct err ignored = ERR_INIT;
	const char *const none[] = { NULL };
	int r = host_hooks_check(&d->config->settings, none, &found, &ignored);

	tell(d, &found);
	return r == 0;
}

void doctor_hooks(struct doctor *d)
{
	const char *folder = d->config->settings.hooks_dir;
	AUTO_DIR DIR *dir = folder && check_top(d) ? opendir(folder) : NULL;
	size_t errors = d->count[DOCTOR_ERROR], scripts = 0;
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (e->d_type == DT_REG && host_hook_place(e->d_name) != HOST_HOOK_NONE)
			doctor_say(d, DOCTOR_WARNING, CHECK, "move it into the folder of an event",
				   "'%s/%s' is never run", folder, e->d_name);
		else if (e->d_type != DT_REG && e->d_name[0] != '.')
			scripts += check_event(d, e->d_name);
	}
	if (dir && scripts && d->count[DOCTOR_ERROR] == errors)
		doctor_say(d, DOCTOR_OK, CHECK, NULL, "%zu of this host in '%s'", scripts, folder);
}
