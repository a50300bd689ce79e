/* worker/host_policy.c - a deployment in the words of the host's policy, and its answer. */
#include "worker/host_policy.h"

#include "appspec/pattern.h"
#include "config/trust.h"
#include "format/json.h"
#include "lifecycle/event.h"
#include "lifecycle/policy_process.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/policy_ask.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct host_policy {
	struct policy_process *process;
	unsigned number;
};

static void host_policy_done(struct host_policy *h)
{
	policy_process_free(h->process);
}

static int check_trust(const char *path, const struct stat *st, struct err *err)
{
	AUTO_FREE char *refusal = trust_refusal(path, st, geteuid());

	return refusal ? err_set(err, ERR_VETOED, "%s", refusal) : 0;
}

static int check_folder(const char *path, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path);
	const char *folder = dirname(copy);
	struct stat st;

	if (stat(folder, &st) < 0)
		return err_sys(err, "looking at '%s'", folder);
	return check_trust(folder, &st, err);
}

/* 0: there is none. */
static int load(const char *path, struct zygote *z, struct host_policy *h, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(POLICY_MAX_SOURCE);
	struct stat st;
	int found = policy_read(AT_FDCWD, path, &text, &st, err);

	if (found == 0 && lstat(path, &st) == 0) /* somebody has put a policy there */
		return err_set(err, ERR_VETOED, "'%s' is a link that leads to nothing", path);
	if (found <= 0)
		return found;
	if (check_trust(path, &st, err) < 0 || check_folder(path, err) < 0 ||
	    policy_process_start(z, &h->process, err) < 0 ||
	    policy_process_load(h->process, path, str_text(&text), text.len, &h->number, err) < 0)
		return -1;
	return 1;
}

static json_t *time_json(void)
{
	time_t now = time(NULL);
	struct tm t;

	(void)localtime_r(&now, &t); /* fails for years beyond an int only */
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I}", "year", t.tm_year + 1900, "month",
			 t.tm_mon + 1, "day", t.tm_mday, "hour", t.tm_hour, "min", t.tm_min, "sec", t.tm_sec, "wday",
			 t.tm_wday + 1, "yday", t.tm_yday + 1, "utc", (json_int_t)now);
}

static json_t *text_or_null(const char *text)
{
	return text ? jbytes(text) : json_null();
}

static json_t *events_json(const struct host_question *q)
{
	json_t *list = json_array();

	for (const char *const *e = q->order; *e; e++)
		json_array_append_new(list, jbytes(*e));
	return list;
}

static void add_scripts(json_t *list, const struct appspec_hook *hook)
{
	for (size_t i = 0; hook && i < hook->script_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "event", jbytes(hook->event), "script",
						      jbytes(hook->scripts[i].location), "runas",
						      text_or_null(hook->scripts[i].runas)));
}

static bool is_in_order(const struct host_question *q, const char *event)
{
	for (const char *const *e = q->order; *e; e++)
		if (!strcmp(*e, event))
			return true;
	return false;
}

/* Those of this revision: what an earlier one brought was allowed then. So all of them, since the next deployment runs
 * this one's ApplicationStop, and a restore its ApplicationStart, whatever events it was asked for itself. */
static json_t *hooks_json(const struct host_question *q)
{
	const struct appspec *a = q->files->appspec;
	json_t *list = json_array();

	for (size_t i = 0; q->order[i]; i++)
		add_scripts(list, appspec_hook(a, q->order[i]));
	for (size_t i = 0; i < a->hook_count; i++)
		if (!is_in_order(q, a->hooks[i].event))
			add_scripts(list, &a->hooks[i]);
	return list;
}

/* Of the request: they reach the hooks of the host as well. */
static json_t *environment_json(const struct deployment *d)
{
	json_t *map = json_object();

	for (char *const *item = d->environment; item && *item; item++) {
		AUTO_FREE char *name = xstrndup(*item, strcspn(*item, "="));

		json_object_set_new(map, name, jbytes(*item + strcspn(*item, "=") + 1));
	}
	return map;
}

static json_t *destinations_json(const struct host_question *q)
{
	json_t *list = json_array();

	for (size_t i = 0; i < q->files->appspec->file_count; i++) {
		AUTO_FREE char *path = NULL;
		struct err ignored = ERR_INIT; /* the plan has refused it */

		if (path_canonical("", q->files->appspec->files[i].destination, &path, &ignored) == 0)
			json_array_append_new(list, jbytes(path));
	}
	return list;
}

static json_t *counts_json(const struct plan_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "planned", (json_int_t)c->planned, "added",
			 (json_int_t)c->added, "changed", (json_int_t)c->changed, "unchanged", (json_int_t)c->unchanged,
			 "removed", (json_int_t)c->removed, "retained", (json_int_t)c->retained, "bytes",
			 (json_int_t)c->bytes);
}

static json_t *question_json(const struct host_question *q)
{
	const struct deployment *d = q->deployment;

	return json_pack("{s:o, s:o, s:{s:s, s:o, s:o}, s:{s:I, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "application", jbytes(d->application), "group", jbytes(d->group), "revision", "type",
			 revision_type_name(d->revision.type), "location", jbytes(d->revision.location), "digest",
			 text_or_null(q->digest), "requested_by", "uid", (json_int_t)d->requested_by_uid, "login",
			 text_or_null(d->requested_by_login), "text", text_or_null(d->requested_by_text), "time",
			 time_json(), "events", events_json(q), "env", environment_json(d), "hooks", hooks_json(q),
			 "destinations", destinations_json(q), "files", counts_json(&q->plan->counts));
}

static int judge(const struct policy_answer_values *v, struct err *err)
{
	const json_t *allowed = json_array_get(v->values, 0);
	const char *reason = json_string_value(json_array_get(v->values, 1));

	if (json_is_true(allowed))
		return 0;
	if (json_is_false(allowed))
		return err_set(err, ERR_VETOED, "this host's policy does not allow it: %s (%s)",
			       reason ? reason : "it gives no reason", v->where);
	return err_set(err, ERR_VETOED,
		       "this host's policy could not be asked, so nothing is allowed: %s: answered neither true nor "
		       "false and a reason",
		       v->where);
}

/* Whatever went wrong, nothing is allowed then. */
static int unusable(struct err *err)
{
	(void)err_add(err, "this host's policy could not be asked, so nothing is allowed");
	err->kind = ERR_VETOED;
	return -1;
}

static int no_policy(const struct settings *s, struct err *err)
{
	if (!s->policy_needed)
		return 0;
	(void)err_set(err, ERR_VETOED, "there is no '%s', which 'policy' in the configuration names", s->policy);
	return unusable(err);
}

int host_policy_check(const struct host_question *q, struct zygote *z, struct err *err)
{
	const struct settings *s = &q->deployment->settings;
	AUTO(host_policy_done) struct host_policy h = { .process = NULL };
	struct policy_answer_values v;

	if (!s->policy || q->deployment->trial) /* a trial touches nothing of the host */
		return 0;

	int found = load(s->policy, z, &h, err);

	if (found == 0)
		return no_policy(s, err);
	if (found < 0 || policy_process_ask(h.process, h.number, question_json(q), &v, err) < 0)
		return unusable(err);

	int r = judge(&v, err);

	json_decref(v.values);
	return r;
}

int host_policy_try(const char *path, struct zygote *z, struct err *err)
{
	AUTO(host_policy_done) struct host_policy h = { .process = NULL };
	int found = load(path, z, &h, err);

	return found ? found < 0 ? -1 : 0 : err_set(err, ERR_VETOED, "'%s' is not there", path);
}

static const struct zygote_calls zygote_calls = { policy_process_main, NULL };

int host_policy_main(int argc, char **argv)
{
	struct zygote *z = NULL;
	struct err err = ERR_INIT;
	int r = argc != 1 ? err_set(&err, ERR_USAGE, "started by `slipway check-config`, not by hand")
			  : zygote_start(&zygote_calls, &z, &err);

	if (r == 0)
		r = host_policy_try(argv[0], z, &err);
	zygote_free(z);
	if (r < 0)
		(void)printf("%s\n", err.msg);
	return r < 0;
}
