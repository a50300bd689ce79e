/* lifecycle/event.c - tables of events, and the rules of codedeploy-local's --events. */
#include "lifecycle/event.h"

#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define MESSAGE_MAX 900 /* of the 1024 bytes of an error */

/* Class of an event: whose scripts as long as the bundle of this deployment was not downloaded. */
static const struct {
	const char *name;
	enum event_revision normally;
	enum event_revision in_rollback; /* of a blue/green deployment (4.4) */
} events[EVENT_DEFAULT_COUNT] = {
	{ "BeforeBlockTraffic", EVENT_REVISION_LAST_SUCCESSFUL, EVENT_REVISION_MOST_RECENT },
	{ "AfterBlockTraffic", EVENT_REVISION_LAST_SUCCESSFUL, EVENT_REVISION_MOST_RECENT },
	{ "ApplicationStop", EVENT_REVISION_LAST_SUCCESSFUL, EVENT_REVISION_LAST_SUCCESSFUL },
	{ EVENT_DOWNLOAD_BUNDLE, EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ "BeforeInstall", EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ EVENT_INSTALL, EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ "AfterInstall", EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ "ApplicationStart", EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ "ValidateService", EVENT_REVISION_CURRENT, EVENT_REVISION_CURRENT },
	{ "BeforeAllowTraffic", EVENT_REVISION_CURRENT, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "AfterAllowTraffic", EVENT_REVISION_CURRENT, EVENT_REVISION_LAST_SUCCESSFUL },
};

static const char *const default_order[EVENT_DEFAULT_COUNT + 1] = {
	"BeforeBlockTraffic", "AfterBlockTraffic",  "ApplicationStop",	 EVENT_DOWNLOAD_BUNDLE,
	"BeforeInstall",      EVENT_INSTALL,	    "AfterInstall",	 "ApplicationStart",
	"ValidateService",    "BeforeAllowTraffic", "AfterAllowTraffic", NULL,
};

static const char *const handled_by_default[] = {
	"BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop",	 "BeforeInstall",     "AfterInstall",
	"ApplicationStart",   "ValidateService",   "BeforeAllowTraffic", "AfterAllowTraffic", NULL,
};

const char *event_revision_name(enum event_revision revision)
{
	static const char *const names[EVENT_REVISION_COUNT] = { "current", "last successful", "most recent" };

	return names[revision];
}

const char *const *event_default_order(void)
{
	return default_order;
}

/* -1: not a default event. */
static int find_default(const char *event)
{
	for (int i = 0; i < EVENT_DEFAULT_COUNT; i++)
		if (!strcmp(events[i].name, event))
			return i;
	return -1;
}

bool event_is_default(const char *event)
{
	return find_default(event) >= 0;
}

bool event_is_built_in(const char *event)
{
	return !strcmp(event, EVENT_DOWNLOAD_BUNDLE) || !strcmp(event, EVENT_INSTALL);
}

enum event_revision event_revision(const char *event, bool downloaded, bool blue_green_rollback)
{
	int i = find_default(event);

	if (downloaded || i < 0)
		return EVENT_REVISION_CURRENT;
	return blue_green_rollback ? events[i].in_rollback : events[i].normally;
}

enum event_revision event_revision_at(const char *const *order, size_t index, bool blue_green_rollback)
{
	bool downloaded = false;

	for (size_t i = 0; i < index; i++)
		downloaded = downloaded || !strcmp(order[i], EVENT_DOWNLOAD_BUNDLE);
	return event_revision(order[index], downloaded, blue_green_rollback);
}

bool event_is_blue_green_rollback(const struct deployment *d)
{
	return d->creator && d->type && !strcmp(d->creator, "codeDeployRollback") && !strcmp(d->type, "BLUE_GREEN");
}

void event_order_free(char **order)
{
	for (char **e = order; e && *e; e++)
		free(*e);
	free(order);
}

static void event_order_freep(char ***order)
{
	event_order_free(*order);
}

static size_t list_length(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* The place of NAME in LIST, or the end of it. */
static size_t list_find(const char *const *list, const char *name)
{
	size_t i = 0;

	while (list && list[i] && strcmp(list[i], name))
		i++;
	return i;
}

static bool list_has(const char *const *list, const char *name)
{
	return list_find(list, name) < list_length(list);
}

static char **split_names(const char *text)
{
	size_t n = 1;

	for (const char *p = text; *p; p++)
		n += *p == ',';

	char **names = xcalloc(n + 1, sizeof(*names));

	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(text, ",");

		names[i] = xstrndup(text, len);
		text += len + 1;
	}
	for (; n && !names[n - 1][0]; n--) { /* like the reference, which does not see commas at the end */
		free(names[n - 1]);
		names[n - 1] = NULL;
	}
	return names;
}

/* May EVENT stand before DownloadBundle (BUILT_IN) or Install? Names that are not known may. */
static bool may_precede(const char *event, const char *built_in)
{
	int i = find_default(event);

	if (i < 0 || events[i].normally == EVENT_REVISION_LAST_SUCCESSFUL || !strcmp(event, "BeforeInstall"))
		return true;
	return !strcmp(built_in, EVENT_INSTALL) && !strcmp(event, EVENT_DOWNLOAD_BUNDLE);
}

static int check_before(const char *const *names, const char *built_in, const char *text, struct err *err)
{
	size_t end = list_find(names, built_in);

	if (end == list_length(names))
		return 0; /* it will be put in front */
	for (size_t i = 0; i < end; i++)
		if (!may_precede(names[i], built_in))
			return err_set(err, ERR_USAGE,
				       "The only events that can be specified before %s are "
				       "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop%s. "
				       "Please fix the order of your specified events: %s",
				       built_in, strcmp(built_in, EVENT_INSTALL) ? "" : ",DownloadBundle,BeforeInstall",
				       text);
	return 0;
}

static int check_names(const char *const *names, const char *text, struct err *err)
{
	if (check_before(names, EVENT_DOWNLOAD_BUNDLE, text, err) < 0 ||
	    check_before(names, EVENT_INSTALL, text, err) < 0)
		return -1;
	for (size_t i = 0; names[i]; i++) {
		if (!names[i][0])
			return err_set(err, ERR_USAGE, "there is an empty name among the events '%s'", text);
		if (event_is_built_in(names[i]) && list_has(names + i + 1, names[i]))
			return err_set(err, ERR_USAGE, "%s is named twice among the events '%s'", names[i], text);
	}
	return 0;
}

/* DownloadBundle and Install in front when they are missing; DownloadBundle always before Install. Takes NAMES. */
static char **complete(char **names)
{
	const char *const *asked = (const char *const *)names;
	size_t n = list_length(asked), k = 0;
	char **order = xcalloc(n + 3, sizeof(*order));

	if (!list_has(asked, EVENT_DOWNLOAD_BUNDLE))
		order[k++] = xstrdup(EVENT_DOWNLOAD_BUNDLE);
	if (!list_has(asked, EVENT_INSTALL))
		order[k++] = xstrdup(EVENT_INSTALL);
	if (n)
		memcpy(order + k, names, n * sizeof(*names));
	free(names);

	size_t download = list_find((const char *const *)order, EVENT_DOWNLOAD_BUNDLE);
	size_t install = list_find((const char *const *)order, EVENT_INSTALL);

	if (install < download) {
		char *event = order[install];

		order[install] = order[download];
		order[download] = event;
	}
	return order;
}

int event_order_parse(const char *text, char ***out, struct err *err)
{
	AUTO(event_order_freep) char **names = split_names(text ? text : "");

	if (!names[0]) {
		free(names);
		names = xcalloc(EVENT_DEFAULT_COUNT + 1, sizeof(*names));
		for (size_t i = 0; i < EVENT_DEFAULT_COUNT; i++)
			names[i] = xstrdup(default_order[i]);
	}
	if (check_names((const char *const *)names, text ? text : "", err) < 0)
		return -1;
	*out = complete(TAKE_PTR(names));
	return 0;
}

/* Add NAME to a list in TEXT unless it is in there; a list that is too long for a message just ends. */
static void name_once(struct str *text, const char **seen, size_t *count, const char *name, const char *quote,
		      const char *between)
{
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(seen[i], name))
			return;
	seen[(*count)++] = name;
	(void)str_printf(text, "%s%s", text->len ? between : "", quote);
	(void)str_append_printable(text, name, strlen(name));
	(void)str_add(text, quote);
}

static int check_known(const struct appspec *appspec, const char *name, const char *const *possible,
		       const char *const *handled, struct err *err)
{
	AUTO_FREE const char **seen = xcalloc(appspec->hook_count + list_length(handled), sizeof(*seen));
	AUTO(str_done) struct str text = STR_INIT(MESSAGE_MAX);
	size_t count = 0;

	for (size_t i = 0; i < appspec->hook_count; i++)
		if (!list_has(possible, appspec->hooks[i].event))
			name_once(&text, seen, &count, appspec->hooks[i].event, "\"", ", ");
	for (size_t i = 0; handled[i]; i++)
		if (!list_has(possible, handled[i]))
			name_once(&text, seen, &count, handled[i], "\"", ", ");
	return count ? err_set(err, ERR_APPSPEC, "%s file contains unknown lifecycle events: [%s]", name,
			       str_text(&text))
		     : 0;
}

static int check_custom(const struct appspec *appspec, const char *name, const char *const *possible, struct err *err)
{
	AUTO_FREE const char **seen = xcalloc(list_length(possible), sizeof(*seen));
	AUTO(str_done) struct str text = STR_INIT(MESSAGE_MAX);
	size_t count = 0;

	for (size_t i = 0; possible[i]; i++)
		if (!event_is_default(possible[i]) && !appspec_hook(appspec, possible[i]))
			name_once(&text, seen, &count, possible[i], "", ",");
	return count ? err_set(err, ERR_APPSPEC,
			       "You specified a lifecycle event which is not a default one and doesn't exist in your "
			       "%s file: %s",
			       name, str_text(&text))
		     : 0;
}

int event_check_hooks(const struct appspec *appspec, const char *name, const char *const *possible,
		      const char *const *handled, struct err *err)
{
	if (!list_length(possible))
		return 0;
	if (check_known(appspec, name, possible, handled ? handled : handled_by_default, err) < 0)
		return -1;
	return check_custom(appspec, name, possible, err);
}

int event_check_local_hooks(const struct appspec *appspec, const char *name, const char *const *order, struct err *err)
{
	size_t n = list_length(order);
	AUTO_FREE const char **possible = xcalloc(EVENT_DEFAULT_COUNT + n + 1, sizeof(*possible));

	memcpy(possible, default_order, EVENT_DEFAULT_COUNT * sizeof(*possible));
	if (n)
		memcpy(possible + EVENT_DEFAULT_COUNT, order, n * sizeof(*possible));
	return event_check_hooks(appspec, name, possible, NULL, err);
}
