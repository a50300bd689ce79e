/* worker/plan_hooks.c - see plan_hooks.h. */
#include "worker/plan_hooks.h"

#include "format/json.h"
#include "lifecycle/event.h"
#include "lifecycle/operator_hooks.h"
#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>

/* FOLDER: of an earlier deployment; NULL: this revision's. */
static void add_scripts(json_t *list, const struct appspec *a, const char *event, const char *folder)
{
	const struct appspec_hook *hook = appspec_hook(a, event);

	for (size_t i = 0; hook && i < hook->script_count; i++) {
		const struct appspec_script *s = &hook->scripts[i];

		json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s?, s:i, s:o}", "event", event, "script",
						      jpath(s->location), "revision", folder ? "previous" : "this",
						      "deployment_id", str_base_name(folder), "timeout", s->timeout_s,
						      "runas", s->runas ? jtext(s->runas) : json_null()));
	}
}

/* The scripts that an earlier revision has for EVENT, by its own appspec. */
static void add_earlier(const struct plan_hooks *h, json_t *list, const char *event, const char *folder,
			struct findings *warnings)
{
	AUTO(deployment_done) struct deployment before = { 0 };
	AUTO(findings_done) struct findings ignored = { 0 }; /* it was deployed with them */
	AUTO_FREE char *path = xasprintf("%s/" UNPACK_FOLDER, folder);
	AUTO_FREE char *name = NULL;
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct appspec *appspec = NULL;
	struct err e = ERR_INIT;
	const char *asked = group_read_request_of(folder, &before) ? before.appspec_filename
								   : h->deployment->appspec_filename;

	if (fd < 0 || preflight_read_appspec(fd, asked, &appspec, &name, &ignored, &e) != 1) {
		findings_add(warnings, FINDING_WARNING, (struct appspec_place){ 0 },
			     "%s will be skipped: the previous revision '%s' is gone or holds no appspec", event,
			     folder);
		return;
	}
	add_scripts(list, appspec, event, folder);
	appspec_free(appspec);
}

/* Operator hooks FIRST to END; what is wrong with them is told by operator_hooks_check(). */
static void add_host(json_t *list, const char *event, const struct operator_hooks *host, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:n, s:i, s:n}", "event", event, "script",
						      jpath(host->scripts[i].location), "revision", "host",
						      "deployment_id", "timeout", host->scripts[i].timeout_s, "runas"));
}

/* The application's. */
static void add_own(const struct plan_hooks *h, json_t *list, size_t index, struct findings *warnings)
{
	enum event_revision whose = event_revision_at(h->order, index, event_is_blue_green_rollback(h->deployment));
	enum group_pointer pointer = whose == EVENT_REVISION_MOST_RECENT ? GROUP_MOST_RECENT : GROUP_LAST_SUCCESSFUL;
	AUTO_FREE char *folder = NULL;
	struct err e = ERR_INIT;

	if (event_is_built_in(h->order[index]))
		return;
	if (whose == EVENT_REVISION_CURRENT)
		add_scripts(list, h->files->appspec, h->order[index], NULL);
	else if (h->group && h->group->instructions_fd >= 0 && group_pointer(h->group, pointer, &folder, &e) == 1)
		add_earlier(h, list, h->order[index], folder, warnings);
}

json_t *plan_hooks_json(const struct plan_hooks *h, struct findings *warnings)
{
	json_t *list = json_array();

	for (size_t i = 0; h->order[i]; i++) {
		AUTO(operator_hooks_done) struct operator_hooks host = { 0 };
		AUTO(findings_done) struct findings told = { 0 };
		struct err e = ERR_INIT; /* then there are none */

		(void)operator_hooks_find(&h->deployment->settings, h->order[i], &host, &told, &e);
		add_host(list, h->order[i], &host, 0, host.before);
		add_own(h, list, i, warnings);
		add_host(list, h->order[i], &host, host.before, host.count);
	}
	return list;
}
