/* worker/plan_job.c - a preflight that only tells. */
#include "worker/plan_job.h"

#include "format/json.h"
#include "installer/arrange.h"
#include "installer/drift.h"
#include "lifecycle/event.h"
#include "lifecycle/host_hooks.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/bundle_digest.h"
#include "worker/group_look.h"
#include "worker/hook_compile.h"
#include "worker/host_policy.h"
#include "worker/plan_hooks.h"
#include "worker/plan_id.h"
#include "worker/plan_report.h"
#include "worker/preflight.h"
#include "worker/still_runs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>

#define EVENT	     "Plan"
#define MAX_WARNINGS 1000

struct planner {
	const struct plan_job *job;
	const struct deployment *d;
	const char *const *order;
	int fd; /* the asker's folder */
	struct group group;
	bool group_is_known;
	struct group_history history;
	struct revision_files files;
	struct world world;
	struct world_disk *disk;
	struct plan *plan;
	unsigned char *drift; /* per entry of the manifest */
	bool vetoed;	      /* by the host's policy, and the errors tell */
	json_t *errors, *warnings;
};

static void planner_done(struct planner *p)
{
	plan_free(p->plan);
	world_disk_free(p->disk);
	revision_files_done(&p->files);
	group_history_done(&p->history);
	if (p->group_is_known)
		group_done(&p->group);
	auto_closep(&p->fd);
	free(p->drift);
	json_decref(p->errors);
	json_decref(p->warnings);
}

static void warn(struct planner *p, const char *text)
{
	if (json_array_size(p->warnings) < MAX_WARNINGS)
		json_array_append_new(p->warnings, jtext(text));
}

static void add_error(struct planner *p, const struct err *e)
{
	json_array_append_new(p->errors, json_pack("{s:i, s:o}", "line", 0, "message", jtext(e->msg)));
}

static int look_at_group(struct planner *p, struct err *err)
{
	int r = group_look(p->d->settings.deployment_root, p->d->group, &p->group, err);

	p->group_is_known = r == 1;
	return r == 1 ? group_history_load(&p->group, &p->history, err) : r;
}

static void take_warnings(struct planner *p, const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->items[i].level == FINDING_WARNING) {
			AUTO_FREE char *text = xasprintf("%s line %u: %s", p->files.appspec_name,
							 f->items[i].place.line, f->items[i].message);

			warn(p, text);
		}
}

static int unpack(struct planner *p, struct err *err)
{
	const struct settings *s = &p->d->settings;
	const struct unpack_options options = preflight_unpack_options(s, p->job->stop, p->job->progress);

	if (preflight_fetch(p->d, p->fd, p->job->request->folder, &options, &p->files, err) < 0 ||
	    preflight_list(&p->files, s->max_entries, err) < 0)
		return -1;
	take_warnings(p, &p->files.findings);
	for (size_t i = 0; i < p->files.report.warnings.count; i++)
		warn(p, p->files.report.warnings.items[i]);
	return 0;
}

static void check_host_hooks(struct planner *p)
{
	AUTO(findings_done) struct findings found = { 0 };
	struct err e = ERR_INIT;

	if (host_hooks_check(&p->d->settings, p->order, &found, &e) == 0) /* its error is the first of them */
		(void)hook_compile_host(p->d, p->order, &found, &e);
	for (size_t i = 0; i < found.count; i++) {
		if (found.items[i].level == FINDING_WARNING)
			warn(p, found.items[i].message);
		else if (err_set(&e, ERR_CONFIG, "hooks of the host: %s", found.items[i].message) < 0)
			add_error(p, &e);
	}
}

static void check_hooks(struct planner *p)
{
	struct err e = ERR_INIT;

	if (event_check_local_hooks(p->files.appspec, p->files.appspec_name, p->order, &e) < 0 ||
	    preflight_check_hooks(&p->files, p->order, false, &e) < 0)
		add_error(p, &e);
	check_host_hooks(p);
}

/* -1: the world gave no answer. What stands in the way is an answer. */
static int make_plan(struct planner *p, struct err *err)
{
	const struct planning planning = { p->d, p->history.manifest, p->job->umask, p->job->zygote };
	size_t count = 0;

	p->disk = world_disk_new(&p->world);

	int r = preflight_plan(&p->files, &planning, &p->world, &p->plan, err);

	if (r < 0 && !p->plan->findings.errors)
		return -1;

	json_t *found = plan_report_errors(p->plan, &count);

	json_array_extend(p->errors, found);
	if (count > json_array_size(found)) {
		AUTO_FREE char *more = xasprintf("%zu more findings of this kind are not listed",
						 count - json_array_size(found));

		warn(p, more);
	}
	json_decref(found);
	take_warnings(p, &p->plan->findings);
	*err = ERR_INIT;
	return 0;
}

static json_t *digest_json(const struct planner *p)
{
	char hex[DIGEST_HEX_SIZE];

	if (!p->files.report.has_digest)
		return json_null();
	digest_hex(p->files.report.digest, hex);

	AUTO_FREE char *text = xasprintf("sha256:%s", hex);

	return json_string(text);
}

static void ask_host(struct planner *p)
{
	json_t *digest = digest_json(p);
	const struct host_question question = { p->d, &p->files, json_string_value(digest), p->plan, p->order };
	struct err e = ERR_INIT;

	if (host_policy_check(&question, p->job->zygote, &e) < 0) {
		p->vetoed = true;
		add_error(p, &e);
	}
	json_decref(digest);
}

static void note_drift(void *context, const struct drift *d)
{
	struct planner *p = context;

	p->drift[d->entry - p->history.manifest->entries] = (unsigned char)d->flags;
}

static void compare_with_disk(struct planner *p)
{
	struct err e = ERR_INIT;

	if (!p->history.manifest)
		return;
	p->drift = xcalloc(p->history.manifest->count, 1);
	if (drift_check(p->history.manifest, note_drift, p, NULL, NULL, &e) < 0) {
		AUTO_FREE char *text = xasprintf("not everything could be looked at for edits: %s", e.msg);

		warn(p, text);
	}
}

static json_t *place_json(const struct arrangement *a, size_t i)
{
	struct statvfs v = { 0 };
	json_t *free_bytes = statvfs(a->steps.places[i].parent, &v) < 0
				     ? json_null()
				     : json_integer((json_int_t)((uint64_t)(geteuid() ? v.f_bavail : v.f_bfree) *
								 v.f_frsize));

	return json_pack("{s:o, s:I, s:o}", "path", jpath(a->steps.places[i].parent), "needed",
			 (json_int_t)a->place_bytes[i], "free", free_bytes);
}

/* How much is needed where: known only when the plan can be carried out. */
static json_t *space(struct planner *p)
{
	json_t *list = json_array();
	struct arrangement a;
	struct err e = ERR_INIT;

	if (json_array_size(p->errors))
		return list;
	if (arrange(p->plan, p->d->id, &a, &e) < 0) {
		add_error(p, &e);
		return list;
	}
	for (size_t i = 0; i < a.steps.place_count; i++)
		json_array_append_new(list, place_json(&a, i));
	if (arrange_check_space(&a, &e) < 0)
		add_error(p, &e);
	arrangement_done(&a);
	return list;
}

static json_t *hooks(struct planner *p)
{
	const struct plan_hooks h = { p->d, &p->files, p->group_is_known ? &p->group : NULL, p->order };
	AUTO(findings_done) struct findings found = { 0 };
	json_t *list = plan_hooks_json(&h, &found);

	for (size_t i = 0; i < found.count; i++)
		warn(p, found.items[i].message);
	return list;
}

/* Would `deploy` find that this very digest runs already? */
static bool already_runs(const struct planner *p, const json_t *digest)
{
	bool counts = json_is_string(digest) && p->history.folder && still_runs(&p->group, p->history.folder, p->order);
	AUTO_FREE char *last = counts ? bundle_digest_of(p->history.folder) : NULL;

	return last && !strcmp(last, json_string_value(digest));
}

static json_t *busy(const struct planner *p)
{
	if (!p->group_is_known || !group_is_locked(p->group.fd))
		return json_null();

	AUTO_FREE char *who = group_holder(p->group.fd);

	return jtext(who);
}

static int report(struct planner *p, struct plan_answer *out, struct err *err)
{
	const struct plan_report r = { p->plan, p->d, &p->files, p->drift, p->fd };
	const struct plan_basis basis = { p->plan, &p->files, p->d, p->order, p->history.folder };
	json_t *o = json_object(), *digest = digest_json(p);
	char id[PLAN_ID_SIZE];

	out->plan = o; /* the answer's from here on, finished or not */
	json_object_set_new(o, "schema", json_integer(1));
	json_object_set_new(o, "already_runs", json_boolean(already_runs(p, digest)));
	json_object_set_new(o, "revision",
			    json_pack("{s:s, s:o, s:o}", "type", revision_type_name(p->d->revision.type), "location",
				      jpath(p->d->revision.location), "digest", digest));
	if (plan_id(&basis, id, err) < 0 || plan_report_paths(&r, o, err) < 0)
		return -1;
	json_object_set_new(o, "plan_id", json_string(id));
	json_object_set_new(o, "group", jpath(p->d->group));
	json_object_set_new(o, "previous", p->history.folder ? jpath(str_base_name(p->history.folder)) : json_null());
	json_object_set_new(o, "busy", busy(p));
	json_object_set_new(o, "hooks", hooks(p));
	json_object_set_new(o, "hooks_run", json_false());
	json_object_set_new(o, "space", space(p));
	json_object_set_new(o, "vetoed", json_boolean(p->vetoed));
	json_object_set_new(o, "provisional", json_boolean(preflight_is_provisional(&p->files)));
	json_object_set(o, "errors", p->errors);
	json_object_set(o, "warnings", p->warnings);
	return 0;
}

static int plan_all(struct planner *p, struct plan_answer *out, struct err *err)
{
	p->fd = fs_open_dir(p->job->request->folder, err);
	if (p->fd < 0)
		return -1;
	if (flock(p->fd, LOCK_SH) < 0) /* who clears up leaves it alone */
		return err_sys(err, "locking '%s'", p->job->request->folder);
	if (look_at_group(p, err) < 0 || unpack(p, err) < 0)
		return -1;
	check_hooks(p);
	if (make_plan(p, err) < 0)
		return -1;
	ask_host(p);
	compare_with_disk(p);
	if (atomic_load(p->job->stop))
		return err_set(err, ERR_STOPPED, "stopped");
	return report(p, out, err);
}

int plan_job_run(const struct plan_job *job, struct plan_answer *out, struct err *err)
{
	AUTO(planner_done)
	struct planner p = {
		.job = job,
		.d = &job->request->deployment,
		.fd = -1,
		.files.archive_fd = -1,
		.errors = json_array(),
		.warnings = json_array(),
	};

	*out = (struct plan_answer){ 0 };
	p.order = p.d->events ? (const char *const *)p.d->events : event_default_order();
	job->progress->event = EVENT;
	if (plan_all(&p, out, err) == 0)
		return 0;
	plan_answer_done(out);
	out->kind = err->kind;
	out->message = xstrdup(err->msg);
	return -1;
}
