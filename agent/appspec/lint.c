/* appspec/lint.c - event names, and the order of findings. */
#include "appspec/lint.h"
#include "appspec/ready_hook.h"

#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

#define MAX_USERS 100 /* asked for; each may cost a look over the network */

/* Those with scripts first; the rest belong to the agent and the service (spec section 4). */
static const char *const events[] = {
	"ApplicationStop",    "BeforeInstall",	   "AfterInstall",	 "ApplicationStart",  "ValidateService",
	"BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic",
};
static const struct {
	const char *event, *instead;
} without_scripts[] = {
	{ "DownloadBundle", "BeforeInstall" },
	{ "Install", "BeforeInstall or AfterInstall" },
	{ "BlockTraffic", "BeforeBlockTraffic or AfterBlockTraffic" },
	{ "AllowTraffic", "BeforeAllowTraffic or AfterAllowTraffic" },
};

static const char *instead_of(const char *event)
{
	for (size_t i = 0; i < ARRAY_LEN(without_scripts); i++)
		if (!strcmp(event, without_scripts[i].event))
			return without_scripts[i].instead;
	return NULL;
}

static bool runs_scripts(const char *event)
{
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		if (!strcmp(event, events[i]))
			return true;
	return false;
}

bool lint_event_is_standard(const char *event)
{
	return runs_scripts(event) || instead_of(event);
}

void lint_events(const struct appspec *a, struct findings *f)
{
	for (size_t i = 0; i < a->hook_count; i++) {
		const struct appspec_hook *h = &a->hooks[i];
		const char *instead = instead_of(h->event);
		const char *meant = nearest_name(h->event, events, ARRAY_LEN(events));

		if (runs_scripts(h->event))
			continue;
		if (instead)
			findings_add(f, FINDING_WARNING, h->place, "no scripts are run at '%s': use %s", h->event,
				     instead);
		else if (meant)
			findings_add(f, FINDING_WARNING, h->place,
				     "there is no lifecycle event '%s', so its scripts are not run: did you mean '%s'?",
				     h->event, meant);
		else
			findings_add(f, FINDING_WARNING, h->place,
				     "'%s' is no event of a standard deployment: its scripts run only when it is asked "
				     "for by name, as with --events",
				     h->event);
	}
}

static void check_ready_made(const struct appspec_script *s, const char *event, struct findings *f)
{
	AUTO(ready_hook_freep) struct ready_hook *h = NULL;
	AUTO(str_done) struct str fit = STR_INIT(1024);
	struct err none = ERR_INIT;

	if (ready_hook_load(s->use, &h, &none) != 1 || ready_hook_suits(h, event))
		return;
	for (size_t i = 0; i < h->events->count; i++)
		(void)str_printf(&fit, "%s%s", i ? ", " : "", h->events->items[i]->text);
	findings_add(f, FINDING_WARNING, s->place, "'%s' is hardly meant for %s: it is made for %s", s->location, event,
		     str_text(&fit));
}

void lint_ready_made(const struct appspec *a, struct findings *f)
{
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			if (a->hooks[i].scripts[k].use)
				check_ready_made(&a->hooks[i].scripts[k], a->hooks[i].event, f);
}

/* True with NAME among the ASKED from now on; false: it was, or there is no more room. */
static bool ask_for(const char *name, const char *asked[MAX_USERS], size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(asked[i], name))
			return false;
	if (*count == MAX_USERS)
		return false;
	asked[(*count)++] = name;
	return true;
}

void lint_users(const struct appspec *a, bool (*is_known)(const char *name), struct findings *f)
{
	const char *asked[MAX_USERS];
	size_t count = 0;

	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++) {
			const struct appspec_script *s = &a->hooks[i].scripts[k];

			if (s->runas && *s->runas && ask_for(s->runas, asked, &count) && !is_known(s->runas))
				findings_add(
					f, FINDING_WARNING, s->place,
					"there is no user '%s' on this host: mend 'runas', or see that the user is "
					"there before the scripts run",
					s->runas);
		}
}

struct placed {
	struct finding finding;
	size_t order;
};

static int by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->finding.place.line != y->finding.place.line)
		return x->finding.place.line < y->finding.place.line ? -1 : 1;
	if (x->finding.place.column != y->finding.place.column)
		return x->finding.place.column < y->finding.place.column ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

void lint_sort(struct findings *f)
{
	AUTO_FREE struct placed *sorted = xcalloc(f->count, sizeof(*sorted));

	for (size_t i = 0; i < f->count; i++)
		sorted[i] = (struct placed){ f->items[i], i };
	qsort(sorted, f->count, sizeof(*sorted), by_place);
	for (size_t i = 0; i < f->count; i++)
		f->items[i] = sorted[i].finding;
}
