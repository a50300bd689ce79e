/* model/deployment.c - requests and results: names, lifetimes, identity. */
#include "model/deployment.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *const outputs_names[OUTPUTS_COUNT] = {
	[OUTPUTS_WAIT] = "wait",
	[OUTPUTS_WARN] = "warn",
	[OUTPUTS_FAIL] = "fail",
};

static const char *const revision_type_names[REVISION_TYPE_COUNT] = {
	[REVISION_LOCAL_DIRECTORY] = "Local Directory",
	[REVISION_LOCAL_FILE] = "Local File",
};

static const char *const runas_method_names[RUNAS_METHOD_COUNT] = {
	[RUNAS_DIRECT] = "direct",
	[RUNAS_SU] = "su",
};

static const char *const on_failure_names[ON_FAILURE_COUNT] = {
	[ON_FAILURE_RESTORE] = "restore",
	[ON_FAILURE_REDEPLOY] = "redeploy",
	[ON_FAILURE_NONE] = "none",
};

static const char *const deployment_status_names[DEPLOYMENT_STATUS_COUNT] = {
	[DEPLOYMENT_QUEUED] = "Queued", [DEPLOYMENT_IN_PROGRESS] = "InProgress", [DEPLOYMENT_SUCCEEDED] = "Succeeded",
	[DEPLOYMENT_FAILED] = "Failed", [DEPLOYMENT_STOPPED] = "Stopped",
};

static const char *const event_status_names[EVENT_STATUS_COUNT] = {
	[EVENT_PENDING] = "Pending", [EVENT_IN_PROGRESS] = "InProgress", [EVENT_SUCCEEDED] = "Succeeded",
	[EVENT_FAILED] = "Failed",   [EVENT_SKIPPED] = "Skipped",	 [EVENT_UNKNOWN] = "Unknown",
};

/* -1: it is none of NAMES. */
static int find_name(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

const char *outputs_left_open_name(enum outputs_left_open policy)
{
	return outputs_names[policy];
}

int outputs_left_open_from_name(const char *name, enum outputs_left_open *out)
{
	int found = find_name(outputs_names, OUTPUTS_COUNT, name);

	if (found >= 0)
		*out = (enum outputs_left_open)found;
	return found < 0 ? -1 : 0;
}

const char *revision_type_name(enum revision_type type)
{
	return revision_type_names[type];
}

const char *runas_method_name(enum runas_method method)
{
	return runas_method_names[method];
}

int runas_method_from_name(const char *name, enum runas_method *out)
{
	int found = find_name(runas_method_names, RUNAS_METHOD_COUNT, name);

	if (found >= 0)
		*out = (enum runas_method)found;
	return found < 0 ? -1 : 0;
}

const char *on_failure_name(enum on_failure policy)
{
	return on_failure_names[policy];
}

int on_failure_from_name(const char *name, enum on_failure *out)
{
	int found = find_name(on_failure_names, ON_FAILURE_COUNT, name);

	if (found >= 0)
		*out = (enum on_failure)found;
	return found < 0 ? -1 : 0;
}

const char *deployment_status_name(enum deployment_status status)
{
	return deployment_status_names[status];
}

const char *event_status_name(enum event_status status)
{
	return event_status_names[status];
}

void settings_defaults(struct settings *s, const char *deployment_root)
{
	*s = (struct settings){
		.deployment_root = xstrdup(deployment_root),
		.install_prefix = xstrdup(""),
		.max_revisions = 5,
		.hooks_timeout_s = HOOKS_TIMEOUT_S,
		.max_entries = 1000000,
		.max_unpacked_bytes = UINT64_C(20) << 30,
		.max_ratio = 1000,
		.outputs_left_open = OUTPUTS_WAIT,
		.runas_method = RUNAS_DIRECT,
		.deployments_log = true,
		.worker_threads = true,
	};
}

static char **copy_list(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;

	char **copy = list ? xcalloc(n + 1, sizeof(*copy)) : NULL;

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(list[i]);
	return copy;
}

void settings_copy(struct settings *out, const struct settings *s)
{
	*out = *s;
	out->deployment_root = s->deployment_root ? xstrdup(s->deployment_root) : NULL;
	out->install_prefix = s->install_prefix ? xstrdup(s->install_prefix) : NULL;
	out->file_exists_behavior = s->file_exists_behavior ? xstrdup(s->file_exists_behavior) : NULL;
	out->instance = s->instance ? xstrdup(s->instance) : NULL;
	out->hooks_dir = s->hooks_dir ? xstrdup(s->hooks_dir) : NULL;
	out->variables = copy_list(s->variables);
	out->region = s->region ? xstrdup(s->region) : NULL;
	out->program_name = s->program_name ? xstrdup(s->program_name) : NULL;
	out->policy = s->policy ? xstrdup(s->policy) : NULL;
}

void settings_done(struct settings *s)
{
	free(s->deployment_root);
	free(s->install_prefix);
	free(s->file_exists_behavior);
	free(s->instance);
	free(s->region);
	free(s->hooks_dir);
	jstrings_free(s->variables);
	free(s->program_name);
	free(s->policy);
	*s = (struct settings){ 0 };
}

void deployment_done(struct deployment *d)
{
	char *const owned[] = { d->id,
				d->application,
				d->group,
				d->group_name,
				d->creator,
				d->type,
				d->requested_by_login,
				d->requested_by_text,
				d->appspec_filename,
				d->file_exists_behavior,
				d->digest,
				d->plan_id,
				d->token,
				d->fail_at,
				d->revision.location,
				d->revision.bundle_type };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	jstrings_free(d->events);
	jstrings_free(d->environment);
	settings_done(&d->settings);
	*d = (struct deployment){ 0 };
}

void event_result_done(struct event_result *e)
{
	free(e->event);
	free(e->script);
	free(e->message);
	free(e->log_tail);
	*e = (struct event_result){ .exit_code = -1 };
}

void deployment_result_done(struct deployment_result *r)
{
	for (size_t i = 0; i < r->event_count; i++)
		event_result_done(&r->events[i]);
	free(r->events);
	free(r->revision_digest);
	free(r->error_event);
	free(r->error_message);
	free(r->error_action);
	free(r->restore.message);
	free(r->now);
	jstrings_free(r->conflicts);
	jstrings_free(r->warnings);
	*r = (struct deployment_result){ 0 };
}

/* One of 36 characters, each as likely as the other: bytes from 252 on are thrown away. */
static char random_character(void)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	unsigned char byte;

	do {
		if (getrandom(&byte, 1, 0) != 1)
			abort(); /* getrandom(2): a request this small can only fail on a kernel without it */
	} while (byte >= 252);
	return alphabet[byte % 36];
}

char *deployment_id_new(const char *suffix)
{
	char name[10] = "";

	for (int i = 0; i < 9; i++)
		name[i] = random_character();
	return xasprintf("d-%s%s", name, suffix);
}
