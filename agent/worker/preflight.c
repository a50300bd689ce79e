/* worker/preflight.c - looks before the deployment leaps. */
#include "worker/preflight.h"

#include "appspec/appspec_file.h"
#include "format/plain.h"
#include "installer/policy.h"
#include "lifecycle/event.h"
#include "lifecycle/hook_language.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/hook_compile.h"
#include "worker/policy_ask.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#define BUNDLE_NAME "bundle.tar" /* whatever the type: section 6 */

void revision_files_done(struct revision_files *r)
{
	auto_closep(&r->archive_fd);
	free(r->archive_path);
	free(r->appspec_name);
	appspec_free(r->appspec);
	findings_done(&r->findings);
	tree_done(&r->tree);
	digest_index_free(r->digests);
	unpack_report_done(&r->report);
	*r = (struct revision_files){ .archive_fd = -1 };
}

int preflight_read_appspec(int archive_fd, const char *name, struct appspec **out, char **found,
			   struct findings *findings, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
	const char *used;
	int r = appspec_file_read(archive_fd, name, &text, &used, err);

	if (r <= 0)
		return r;
	*found = xstrdup(used);
	if (appspec_parse(str_text(&text), text.len, out, findings, err) < 0)
		return err_add(err, "%s", used);
	return 1;
}

static int no_appspec(const struct revision_files *r, const struct deployment *d, struct err *err)
{
	const char *name = d->appspec_filename ? d->appspec_filename : "appspec.yml";

	return err_set(err, ERR_APPSPEC,
		       "the bundle holds no %s in its root folder; `slipway init` writes one to start from. (The "
		       "CodeDeploy agent "
		       "did not find an AppSpec file within the unpacked revision directory at revision-relative path "
		       "\"%s\". The "
		       "revision was unpacked to directory \"%s\".)",
		       name, name, r->archive_path);
}

int preflight_list(struct revision_files *r, uint64_t max_entries, struct err *err)
{
	uint32_t limit = max_entries && max_entries < UINT32_MAX - 1 ? (uint32_t)max_entries : UINT32_MAX - 1;

	tree_done(&r->tree);
	r->tree_known = false;
	if (tree_scan(r->archive_fd, limit, &r->tree, err) < 0)
		return err_add(err, "listing the unpacked bundle");
	r->tree_known = true;
	return 0;
}

/* The content decides. What is called tar may be compressed: the AWS agent's tar takes that, too. */
static void note_type(struct unpack_report *report, const char *said)
{
	if (!said || !strcmp(said, report->type) || (!strcmp(said, "tar") && strcmp(report->type, "zip") != 0))
		return;
	warnings_add(&report->warnings, "the bundle was taken for %s by its name or --type, but is %s", said,
		     report->type);
}

struct unpack_options preflight_unpack_options(const struct settings *settings, const atomic_bool *stop,
					       struct progress *progress)
{
	return (struct unpack_options){
		.max_entries = settings->max_entries,
		.max_bytes = settings->max_unpacked_bytes,
		.max_ratio = settings->max_ratio,
		.restore_owner = geteuid() == 0,
		.refuse_outside_links = settings->refuse_outside_links,
		.threads = settings->worker_threads,
		.stop = stop,
		.progress = progress_work,
		.context = progress,
	};
}

int preflight_fetch(const struct deployment *d, int dir_fd, const char *dir_path, const struct unpack_options *o,
		    struct revision_files *out, struct err *err)
{
	const char *location = d->revision.location;
	int r;

	*out = (struct revision_files){ .archive_fd = -1 };
	out->digests = digest_index_new();
	out->archive_path = xasprintf("%s/" UNPACK_FOLDER, dir_path);
	if (d->revision.type == REVISION_LOCAL_FILE) {
		if (fs_symlink(location, dir_fd, BUNDLE_NAME) < 0)
			return err_sys(err, "linking to bundle '%s'", location);
		r = unpack_archive(location, dir_fd, o, out->digests, &out->report, err);
	} else {
		r = unpack_folder(location, dir_fd, o, out->digests, &out->report, err);
	}
	if (r < 0)
		return -1;
	if (d->revision.type == REVISION_LOCAL_FILE)
		note_type(&out->report, d->revision.bundle_type);
	out->archive_fd = openat(dir_fd, UNPACK_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->archive_fd < 0)
		return err_sys(err, "opening the unpacked bundle");
	r = preflight_read_appspec(out->archive_fd, d->appspec_filename, &out->appspec, &out->appspec_name,
				   &out->findings, err);
	if (r < 0)
		return -1;
	return r == 0 ? no_appspec(out, d, err) : 0;
}

/* The deployment's own word. codedeploy-local takes any: it is to fail only when a file stands in the way. */
static enum file_exists own_behavior(const struct deployment *d, bool *valid)
{
	const char *own = d->file_exists_behavior ? d->file_exists_behavior : "";
	enum file_exists behavior = file_exists_from_name(own, strlen(own));

	*valid = behavior != FILE_EXISTS_UNSET || !*own;
	return *valid ? behavior : FILE_EXISTS_DISALLOW;
}

static int blame_behavior(const struct deployment *d, struct err *err)
{
	AUTO_FREE char *shown = plain_path(d->file_exists_behavior);

	return err_set(err, ERR_EXISTS,
		       "The deployment failed because an invalid option was specified for fileExistsBehavior: %s. "
		       "Valid options include OVERWRITE, RETAIN, and DISALLOW.",
		       shown);
}

int preflight_plan(const struct revision_files *r, const struct planning *p, const struct world *world,
		   struct plan **out, struct err *err)
{
	const struct deployment *d = p->deployment;
	const char *host = d->settings.file_exists_behavior;
	struct plan_asker asker;
	struct policy_asker *policies = policy_asker_new(r, d, p->zygote, &asker);
	bool valid;
	const struct plan_input in = {
		.appspec = r->appspec,
		.tree = &r->tree,
		.archive = r->archive_path,
		.digests = r->digests,
		.manifest = p->manifest,
		.world = world,
		.asker = &asker,
		.behavior = policy_behavior(r->appspec->file_exists_behavior, own_behavior(d, &valid),
					    host ? file_exists_from_name(host, strlen(host)) : FILE_EXISTS_UNSET),
		.install_prefix = d->settings.install_prefix,
		.umask = p->umask,
		.uid = geteuid(),
		.gid = getegid(),
	};

	int built = plan_build(&in, out, err);

	policy_asker_free(policies);
	(*out)->in.asker = NULL;
	if (built == 0)
		return 0;
	return err->kind == ERR_EXISTS && !valid && !r->appspec->file_exists_behavior ? blame_behavior(d, err) : -1;
}

static int check_script(const struct revision_files *r, const struct appspec_hook *hook, const struct appspec_script *s,
			struct err *err)
{
	const char *location = s->location + strspn(s->location, "/");

	if (!s->use && tree_find(&r->tree, location) == TREE_NONE)
		return err_set(
			err, ERR_SCRIPT_MISSING,
			"%s line %u: %s: Script does not exist at specified location: %s/%s. Add it to the bundle, or "
			"correct the hooks section.",
			r->appspec_name, s->place.line, hook->event, r->archive_path, location);
	if (s->runas && !getpwnam(s->runas))
		return err_set(
			err, ERR_NOT_READY,
			"%s line %u: %s: %s is to run as user '%s', but there is no such user on this host; create it "
			"first, or correct 'runas'",
			r->appspec_name, s->place.line, hook->event, s->location, s->runas);
	if (!s->use && hook_is_written_in_lua(r->archive_fd, location) &&
	    hook_compile(r->archive_fd, location, err) < 0)
		return err_add(err, "%s line %u: %s: the script cannot be compiled", r->appspec_name, s->place.line,
			       hook->event);
	return 0;
}

bool preflight_expects_lua(const struct revision_files *r)
{
	const struct appspec *a = r->appspec;

	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			if (a->hooks[i].scripts[k].use || str_ends(a->hooks[i].scripts[k].location, ".lua"))
				return true;
	return false;
}

bool preflight_is_provisional(const struct revision_files *r)
{
	const struct appspec_hook *hook = appspec_hook(r->appspec, "BeforeInstall");

	return hook && hook->script_count;
}

int preflight_check_hooks(const struct revision_files *r, const char *const *order, bool blue_green_rollback,
			  struct err *err)
{
	for (size_t i = 0; order[i]; i++) {
		const struct appspec_hook *hook = appspec_hook(r->appspec, order[i]);

		if (!hook || event_revision_at(order, i, blue_green_rollback) != EVENT_REVISION_CURRENT ||
		    (preflight_is_provisional(r) && strcmp(order[i], "BeforeInstall")))
			continue;
		for (size_t k = 0; k < hook->script_count; k++)
			if (check_script(r, hook, &hook->scripts[k], err) < 0)
				return -1;
	}
	return 0;
}
