/* installer/plan_files.c - the files section becomes wishes: which folder, file and link is to be where. */
#include "appspec/pattern.h"
#include "installer/plan_internal.h"
#include "installer/policy.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

/* A bundle whose links to folders multiply it beyond this is hostile or broken. */
#define PLAN_MAX_PATHS (4u * 1024 * 1024)

/* The folders being copied just now, innermost first: a link back to one of them would never end. */
struct copying {
	uint32_t folder;
	size_t len; /* of its destination: links to folders could chain them longer than any path */
	const struct copying *outer;
};

static char *source_path(const struct plan *p, uint32_t source)
{
	AUTO_FREE char *relative = tree_path(p->in.tree, source);

	return xasprintf("%s/%s", p->in.archive, relative);
}

static void want(struct plan *p, uint32_t spelled, enum plan_want what, uint32_t source)
{
	uint32_t real = p->nodes[spelled].real;

	p->nodes[real].want = (uint8_t)what;
	p->nodes[real].source = source;
	if (spelled != real) {
		p->nodes[spelled].want = (uint8_t)what;
		p->nodes[spelled].source = source;
		p->nodes[real].flags |= PLAN_ALIAS;
	}
}

static int refuse_second_source(struct plan *p, const struct appspec_file *f, uint32_t node, uint32_t source)
{
	AUTO_FREE char *path = plan_path(p, node);
	AUTO_FREE char *newer = source_path(p, source);
	AUTO_FREE char *older = source_path(p, p->nodes[node].source);

	return plan_refuse(
		p, ERR_APPSPEC, f->place,
		"The deployment failed because the application specification file specifies two source files "
		"named %s and %s for the same destination (%s). Remove one of the source file paths from the "
		"AppSpec file, and then try again.",
		newer, older, path);
}

static int refuse_existing(struct plan *p, const struct appspec_file *f, uint32_t node, const char *what)
{
	AUTO_FREE char *path = plan_path(p, node);

	return plan_refuse(p, ERR_EXISTS, f->place,
			   "The deployment failed because a specified file already exists at this location: %s%s", path,
			   what);
}

static bool wants_file(const struct plan *p, uint32_t node)
{
	return p->nodes[node].want == PLAN_WANT_FILE || p->nodes[node].want == PLAN_WANT_LINK;
}

static int refuse_folder_at_file(struct plan *p, const struct appspec_file *f, uint32_t node)
{
	AUTO_FREE char *path = plan_path(p, node);

	return plan_refuse(p, ERR_APPSPEC, f->place,
			   "The deployment failed because the application specification file includes an mkdir "
			   "command more than once for the same destination path (%s) from (%s). Update the files "
			   "section of the AppSpec file, and then try again.",
			   path, f->source);
}

/* 0: it will be there; -1: refused (a finding); -2: the world gave no answer. */
static int want_folder(struct plan *p, const struct appspec_file *f, uint32_t spelled, struct err *err)
{
	uint32_t node = p->nodes[spelled].real, place = plan_place(p, spelled);
	enum disk_kind kind;

	if (wants_file(p, place))
		return refuse_folder_at_file(p, f, place);
	if (place != node && p->nodes[place].want == PLAN_WANT_NOTHING)
		p->nodes[place].want = PLAN_WANT_WAY;
	if (p->nodes[node].want == PLAN_WANT_FOLDER) {
		if (spelled == node)
			p->nodes[node].flags &= (uint8_t)~PLAN_ALIAS;
		else
			p->nodes[spelled].want = PLAN_WANT_FOLDER; /* one name more: what it had before it keeps */
		return 0;
	}
	if (wants_file(p, node))
		return refuse_folder_at_file(p, f, node);
	if (plan_after_cleanup(p, node, &kind, err) < 0)
		return -2;

	bool held = (p->nodes[node].flags & PLAN_FATE) == PLAN_HELD;

	if (kind == DISK_DIRECTORY && !held)
		return 0;
	if (kind != DISK_ABSENT && kind != DISK_DIRECTORY) {
		plan_note_conflict(p, &(struct plan_conflict){ node, TREE_NONE, VERDICT_REFUSE, true, NULL });
		return refuse_existing(p, f, node,
				       held ? " (a folder is to be made there, but it is a file of the last revision, "
					      "edited since, that a rule of 'overwrite' retains)"
					    : " (a folder is to be made there, but it is none)");
	}
	want(p, spelled, PLAN_WANT_FOLDER, TREE_NONE);
	return 0;
}

/* Does what stands at NODE count as existing? A link does when it leads to something (section 7.4). */
static int counts_as_existing(struct plan *p, uint32_t node, enum disk_kind kind, bool *out, struct err *err)
{
	*out = kind != DISK_ABSENT;
	if (kind != DISK_LINK)
		return 0;

	uint32_t real;

	if (plan_leads_to(p, node, &real, &kind, err) < 0)
		return -1;
	*out = kind != DISK_ABSENT;
	return 0;
}

/* The same for what was ours and was edited since. Returns like judge. */
static int judge_edited(struct plan *p, uint32_t spelled, uint32_t node, uint32_t source, enum verdict *out,
			struct err *err)
{
	const struct appspec_overwrite *rule = plan_rule(p, spelled, node);
	bool same;
	int r = 0;

	p->nodes[node].flags |= PLAN_HELD;
	if (plan_holds(p, node, source, &same, err) < 0)
		return -1;
	*out = same ? VERDICT_WRITE : VERDICT_RETAIN_OURS;
	if (same)
		return 0;
	if (rule && rule->policy)
		r = plan_ask(p, rule, spelled, node, source, out, err);
	plan_note_conflict(p, &(struct plan_conflict){ node, source, *out, false, rule });
	return r;
}

/* What is to happen at NODE, where KIND stands once the last revision's files are gone. 1: it is refused, and a finding
 * says why. */
static int judge(struct plan *p, uint32_t spelled, uint32_t node, uint32_t source, enum disk_kind kind,
		 enum verdict *out, struct err *err)
{
	bool exists, held = kind != DISK_DIRECTORY && (p->nodes[node].flags & PLAN_FATE) == PLAN_HELD;
	int r = 0;

	/* a rule may speak of it as it is spelled; where the file lies was asked before */
	if (!held && spelled != node && plan_retains_edit(p, spelled, node, &held, err) < 0)
		return -1;
	if (held)
		return judge_edited(p, spelled, node, source, out, err);
	if (counts_as_existing(p, node, kind, &exists, err) < 0)
		return -1;

	const struct appspec_overwrite *rule = exists ? plan_rule(p, spelled, node) : NULL;

	*out = policy_verdict(rule ? rule->behavior : p->in.behavior, exists, false);
	if (rule && rule->policy)
		r = plan_ask(p, rule, spelled, node, source, out, err);
	if (exists) {
		bool clash = kind == DISK_DIRECTORY && *out != VERDICT_RETAIN;

		plan_note_conflict(p,
				   &(struct plan_conflict){ node, source, clash ? VERDICT_REFUSE : *out, clash, rule });
	}
	return r;
}

static int refuse_file_at_folder(struct plan *p, const struct appspec_file *f, uint32_t node, uint32_t source)
{
	AUTO_FREE char *path = plan_path(p, node);
	AUTO_FREE char *from = source_path(p, source);

	return plan_refuse(p, ERR_APPSPEC, f->place,
			   "The deployment failed because the application specification file calls for installing "
			   "the file %s, but a file with that name already exists at the location (%s). Update "
			   "your AppSpec file or directory structure, and then try again.%s",
			   from, path,
			   p->nodes[node].want == PLAN_WANT_WAY
				   ? " (It is a link, and other files are to go where it leads.)"
				   : "");
}

/* A link that stands there is replaced itself, also one to a folder: nothing is written through it. */
static int want_file(struct plan *p, const struct appspec_file *f, uint32_t spelled, uint32_t source, struct err *err)
{
	uint32_t node = plan_place(p, spelled);
	enum disk_kind kind;
	enum verdict verdict;

	p->nodes[spelled].real = node;
	if (wants_file(p, node))
		return refuse_second_source(p, f, node, source);
	if (p->nodes[node].want == PLAN_WANT_FOLDER)
		return refuse_file_at_folder(p, f, node, source);
	if (plan_after_cleanup(p, node, &kind, err) < 0)
		return -2;

	int judged = judge(p, spelled, node, source, kind, &verdict, err);

	if (judged)
		return judged < 0 ? -2 : -1;
	if (verdict == VERDICT_RETAIN) {
		p->nodes[node].want = PLAN_WANT_RETAINED;
		return 0;
	}
	if (verdict == VERDICT_RETAIN_OURS) {
		p->nodes[node].want = PLAN_WANT_EDITED;
		p->nodes[node].source = source;
		return 0;
	}
	if (kind == DISK_DIRECTORY)
		return refuse_existing(p, f, node, " (it is a folder, and a file never replaces a folder)");
	if (verdict == VERDICT_REFUSE)
		return refuse_existing(p, f, node, "");
	if (p->nodes[node].want == PLAN_WANT_WAY)
		return refuse_file_at_folder(p, f, node, source);
	want(p, spelled, p->in.tree->entries[source].type == TREE_LINK ? PLAN_WANT_LINK : PLAN_WANT_FILE, source);
	return 0;
}

static bool turns_in_circles(const struct copying *c, uint32_t folder)
{
	for (; c; c = c->outer)
		if (c->folder == folder)
			return true;
	return false;
}

static int copy_folder(struct plan *p, const struct appspec_file *f, uint32_t spelled, uint32_t folder,
		       const struct copying *outer, struct err *err);

/* Put entry SOURCE of the bundle at the node SPELLED. Returns like want_folder. */
static int copy_entry(struct plan *p, const struct appspec_file *f, uint32_t spelled, uint32_t source,
		      const struct copying *outer, struct err *err)
{
	const struct tree *t = p->in.tree;
	uint32_t folder = t->entries[source].type == TREE_DIRECTORY ? source : TREE_NONE;

	if (t->entries[source].type == TREE_LINK) {
		uint32_t target = tree_resolve(t, source);

		if (target != TREE_NONE && t->entries[target].type == TREE_DIRECTORY)
			folder = target; /* as the reference does: a link to a folder is copied as a folder */
	}
	if (folder == TREE_NONE && t->entries[source].type == TREE_OTHER) {
		AUTO_FREE char *from = source_path(p, source);

		return plan_refuse(p, ERR_BUNDLE, f->place, "%s is no file, folder or link; take it out of the bundle",
				   from);
	}
	if (folder == TREE_NONE)
		return want_file(p, f, spelled, source, err);
	if (turns_in_circles(outer, folder)) {
		AUTO_FREE char *from = source_path(p, source);

		return plan_refuse(p, ERR_BUNDLE, f->place,
				   "%s is a link to a folder that it stands in: copying it would never end", from);
	}

	int r = want_folder(p, f, spelled, err);

	return r < 0 ? r : copy_folder(p, f, spelled, folder, outer, err);
}

static int copy_folder(struct plan *p, const struct appspec_file *f, uint32_t spelled, uint32_t folder,
		       const struct copying *outer, struct err *err)
{
	const struct tree *t = p->in.tree;
	AUTO_FREE char *top = outer ? NULL : plan_path(p, spelled);
	const size_t len = outer ? outer->len + strlen(p->nodes[spelled].name) + 1 : strlen(top);
	const struct copying here = { folder, len, outer };
	uint32_t first = t->entries[folder].first;

	for (uint32_t i = first; i < first + t->entries[folder].count; i++) {
		const char *name = tree_name(t, i);
		uint32_t child;

		if (here.len + strlen(name) + 1 >= PATH_MAX) {
			AUTO_FREE char *from = source_path(p, i);

			return plan_refuse(p, ERR_BUNDLE, f->place, "the destination of %s is longer than %d bytes",
					   from, PATH_MAX - 1);
		}
		if (p->count > PLAN_MAX_PATHS) {
			(void)plan_refuse(p, ERR_BUNDLE, f->place, "the files section makes more than %u paths",
					  PLAN_MAX_PATHS);
			(void)err_set(err, ERR_BUNDLE, "the files section makes more than %u paths", PLAN_MAX_PATHS);
			return -2;
		}
		if (plan_step(p, spelled, name, strlen(name), &child, err) < 0)
			return -2;
		if (copy_entry(p, f, child, i, &here, err) == -2)
			return -2;
	}
	return 0;
}

/* The folders on the way to PATH, existing or to be made; *OUT is the last one. Returns like want_folder. */
static int want_way(struct plan *p, const struct appspec_file *f, const char *path, uint32_t *out, struct err *err)
{
	uint32_t at = 0;

	for (const char *c = path + strspn(path, "/"); *c; c += strspn(c, "/")) {
		size_t n = strcspn(c, "/");

		/* borrowed names must live as long as the plan: PATH does not */
		AUTO_FREE char *name = xasprintf("%.*s/", (int)n, c);

		if (plan_step(p, at, name, n, &at, err) < 0)
			return -2;

		int r = want_folder(p, f, at, err);

		if (r < 0)
			return r;
		c += n;
	}
	*out = at;
	return 0;
}

static int add_file(struct plan *p, const struct appspec_file *f, struct err *err)
{
	AUTO_FREE char *destination = NULL;
	struct err bad = ERR_INIT;
	uint32_t source = tree_find(p->in.tree, f->source);
	uint32_t at;
	int r;

	if (path_canonical(p->in.install_prefix, f->destination, &destination, &bad) < 0)
		return plan_refuse(p, bad.kind, f->place, "%s", bad.msg);
	if (f->destination[0] != '/')
		plan_warn(p, f->place, "destination '%s' is relative; it is taken as '/%s'", f->destination,
			  f->destination);
	if (source == TREE_NONE)
		return plan_refuse(
			p, ERR_NOT_READY, f->place,
			"No such file or directory - %s/%s: the bundle holds no source '%s'. Correct the files "
			"section of the AppSpec file or add it to the bundle.",
			p->in.archive, f->source, f->source);
	if ((r = want_way(p, f, destination, &at, err)) < 0)
		return r;
	p->nodes[p->nodes[at].real].flags |= PLAN_DESTINATION;

	uint32_t target = p->in.tree->entries[source].type == TREE_LINK ? tree_resolve(p->in.tree, source) : source;

	if (target != TREE_NONE && p->in.tree->entries[target].type == TREE_DIRECTORY)
		return copy_folder(p, f, at, target, NULL, err);

	size_t len;
	const char *name = path_basename(f->source, &len);

	if (plan_step(p, at, name, len, &at, err) < 0)
		return -2;
	return copy_entry(p, f, at, source, NULL, err);
}

int plan_add_files(struct plan *p, struct err *err)
{
	for (size_t i = 0; i < p->in.appspec->file_count; i++)
		if (add_file(p, &p->in.appspec->files[i], err) == -2)
			return -1;
	return 0;
}
