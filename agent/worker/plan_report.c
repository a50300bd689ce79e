/* worker/plan_report.c - one walk over the plan: a line for every path, a sum for every destination. */
#include "worker/plan_report.h"

#include "format/json.h"
#include "installer/drift.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/plan_request.h"

#include <fcntl.h>
#include <string.h>

#define PIECE	   65536
#define MAX_LINE   (1024 * 1024) /* a path of 4096 bytes and some words */
#define MAX_ERRORS 1000

enum fate { FATE_NONE, FATE_ADD, FATE_CHANGE, FATE_UNCHANGED, FATE_REMOVE, FATE_KEEP, FATE_REFUSE, FATE_COUNT };
static const char *const fate_names[FATE_COUNT] = { "none", "add", "change", "unchanged", "remove", "keep", "refuse" };

struct destination {
	uint32_t node; /* 0: what the last revision had elsewhere */
	uint64_t count[FATE_COUNT];
};

struct walk {
	const struct plan_report *r;
	const struct plan *p;
	int fd;
	struct str text;
	uint32_t *destination_of; /* per node: index + 1; 0: below none */
	uint32_t *conflict_of;	  /* the same in the plan's conflicts */
	struct destination *destinations;
	uint32_t destination_count;
	bool changes;
};

static void walk_done(struct walk *w)
{
	auto_closep(&w->fd);
	str_done(&w->text);
	free(w->destination_of);
	free(w->conflict_of);
	free(w->destinations);
}

static const struct plan_conflict *conflict_at(const struct walk *w, uint32_t node)
{
	return w->conflict_of[node] ? &w->p->conflicts[w->conflict_of[node] - 1] : NULL;
}

/* What is ours, wanted no more and stays: edited, and a rule retains it. */
static bool is_held(const struct plan_node *n)
{
	return n->want == PLAN_WANT_NOTHING && n->action == PLAN_STAY && n->flags & PLAN_OURS &&
	       (n->flags & PLAN_FATE) == PLAN_HELD && n->disk != DISK_DIRECTORY && n->disk != DISK_ABSENT;
}

static enum fate fate_of(const struct walk *w, uint32_t node)
{
	static const enum fate fates[] = {
		[PLAN_STAY] = FATE_NONE,      [PLAN_ADD] = FATE_ADD,	   [PLAN_CHANGE] = FATE_CHANGE,
		[PLAN_KEEP] = FATE_UNCHANGED, [PLAN_REMAKE] = FATE_CHANGE, [PLAN_REMOVE] = FATE_REMOVE,
	};
	const struct plan_node *n = &w->p->nodes[node];
	const struct plan_conflict *c = conflict_at(w, node);

	if (c && c->verdict == VERDICT_REFUSE)
		return FATE_REFUSE;
	if (n->want == PLAN_WANT_RETAINED || n->want == PLAN_WANT_EDITED || is_held(n))
		return FATE_KEEP;
	return fates[n->action];
}

static const char *type_of(const struct plan_node *n)
{
	static const char *const disk[] = { NULL, "folder", "file", "link", "other" };

	return n->want == PLAN_WANT_FOLDER ? "folder"
	       : n->want == PLAN_WANT_FILE ? "file"
	       : n->want == PLAN_WANT_LINK ? "link"
					   : disk[n->disk];
}

static const char *standing(const struct plan_node *n)
{
	static const char *const names[] = { NULL, "folder", "file", "link", "other" };

	return names[n->disk];
}

/* Whose word counts where no rule of 'overwrite' speaks. */
static const char *behavior_from(const struct plan_report *r)
{
	if (r->files->appspec->file_exists_behavior)
		return "appspec";
	if (r->deployment->file_exists_behavior)
		return "deployment";
	return r->deployment->settings.file_exists_behavior ? "host" : "default";
}

static json_t *conflict_json(const struct walk *w, const struct plan_conflict *c)
{
	static const char *const verdicts[] = {
		[VERDICT_WRITE] = "overwrite",	  [VERDICT_RETAIN] = "retain", [VERDICT_REFUSE] = "refuse",
		[VERDICT_RETAIN_OURS] = "retain", [VERDICT_BACKUP] = "backup",
	};
	enum file_exists behavior = c->rule ? c->rule->behavior : w->p->in.behavior;
	const char *script = c->rule && !c->types_clash ? c->rule->policy : NULL;
	const char *by = c->types_clash ? "types" : script ? "policy" : c->rule ? "rule" : behavior_from(w->r);
	json_t *o = json_pack("{s:s, s:s, s:s?, s:o}", "verdict", verdicts[c->verdict], "by", by, "behavior",
			      c->types_clash || script ? NULL : file_exists_name(behavior), "line",
			      c->rule ? json_integer(c->rule->place.line) : json_null());

	if (script)
		json_object_set_new(o, "policy", jpath(script));
	return o;
}

static json_t *edited_json(const struct walk *w, const struct plan_node *n)
{
	static const struct {
		unsigned flag;
		const char *name;
	} kinds[] = { { DRIFT_MISSING, "missing" }, { DRIFT_TYPE, "type" }, { DRIFT_CONTENT, "changed" },
		      { DRIFT_LINK, "link" },	    { DRIFT_MODE, "mode" }, { DRIFT_OWNER, "owner" } };
	unsigned flags = w->r->drift && n->old != TREE_NONE ? w->r->drift[n->old] : 0;
	json_t *list = json_array();

	if (n->old != TREE_NONE && w->p->in.manifest->entries[n->old].flags & MANIFEST_EDITED)
		flags |= n->disk == DISK_ABSENT ? DRIFT_MISSING : DRIFT_CONTENT;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (flags & kinds[i].flag)
			json_array_append_new(list, json_string(kinds[i].name));
	return list;
}

static json_t *context_json(const struct walk *w, const struct plan_node *n)
{
	const struct appspec_context *c = n->attr ? w->p->attrs[n->attr - 1].permission->context : NULL;

	return c && plan_is_wanted(n)
		       ? json_pack("{s:s?, s:s, s:s?}", "user", c->user, "type", c->type, "range", c->range)
		       : json_null();
}

static json_t *path_json(const struct walk *w, uint32_t node, enum fate fate)
{
	const struct plan_node *n = &w->p->nodes[node];
	const struct plan_conflict *c = conflict_at(w, node);
	uint32_t from = plan_is_wanted(n) || n->want == PLAN_WANT_EDITED ? n->source : c ? c->source : TREE_NONE;
	AUTO_FREE char *path = plan_path(w->p, node);
	AUTO_FREE char *source = from == TREE_NONE ? NULL : tree_path(w->p->in.tree, from);
	bool file = from != TREE_NONE && w->p->in.tree->entries[from].type == TREE_FILE;

	return json_pack("{s:o, s:s?, s:s, s:s?, s:o, s:o, s:o, s:o, s:o}", "path", jbytes(path), "type", type_of(n),
			 "action", fate_names[fate], "standing", standing(n), "source", jbytes(source), "bytes",
			 file ? json_integer((json_int_t)w->p->in.tree->entries[from].size) : json_null(), "deviates",
			 edited_json(w, n), "conflict", c ? conflict_json(w, c) : json_null(), "context",
			 context_json(w, n));
}

static int flush(struct walk *w, struct err *err)
{
	if (fs_write(w->fd, str_text(&w->text), w->text.len) < 0)
		return err_sys(err, "writing the plan");
	str_clear(&w->text);
	return 0;
}

static int write_path(struct walk *w, uint32_t node, enum fate fate, struct err *err)
{
	json_t *o = path_json(w, node, fate);
	AUTO_FREE char *line = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	if (str_printf(&w->text, "%s\n", line) < 0)
		return err_set(err, ERR_STATE, "a path of the plan is too long");
	return w->text.len < PIECE ? 0 : flush(w, err);
}

/* Destinations are nodes above others: parents come first. */
static struct destination *destination_at(struct walk *w, uint32_t node)
{
	uint32_t at = w->destination_of[w->p->nodes[node].parent];

	if (w->p->nodes[node].flags & PLAN_DESTINATION) {
		w->destinations = xrealloc(w->destinations, (w->destination_count + 1) * sizeof(*w->destinations));
		w->destinations[w->destination_count++] = (struct destination){ .node = node };
		at = w->destination_count;
	}
	w->destination_of[node] = at;
	return &w->destinations[at ? at - 1 : 0];
}

static int visit(struct walk *w, uint32_t node, struct err *err)
{
	struct destination *d = destination_at(w, node);
	enum fate fate = fate_of(w, node);
	const char *type = type_of(&w->p->nodes[node]);

	if (fate == FATE_NONE)
		return 0;
	if (type && strcmp(type, "folder") != 0)
		d->count[fate]++;
	w->changes |= fate == FATE_ADD || fate == FATE_CHANGE || fate == FATE_REMOVE;
	return write_path(w, node, fate, err);
}

static json_t *destination_json(const struct walk *w, const struct destination *d)
{
	AUTO_FREE char *path = d->node ? plan_path(w->p, d->node) : NULL;

	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "path", path ? jpath(path) : json_null(), "added",
			 (json_int_t)d->count[FATE_ADD], "changed", (json_int_t)d->count[FATE_CHANGE], "unchanged",
			 (json_int_t)d->count[FATE_UNCHANGED], "removed", (json_int_t)d->count[FATE_REMOVE], "kept",
			 (json_int_t)d->count[FATE_KEEP], "refused", (json_int_t)d->count[FATE_REFUSE]);
}

static void add_sums(const struct walk *w, json_t *o)
{
	const struct plan_counts *c = &w->p->counts;
	json_t *list = json_array();

	for (uint32_t i = 0; i < w->destination_count; i++) {
		const struct destination *d = &w->destinations[i];
		uint64_t all = 0;

		for (int k = 0; k < FATE_COUNT; k++)
			all += d->count[k];
		if (d->node || all)
			json_array_append_new(list, destination_json(w, d));
	}
	json_object_set_new(o, "destinations", list);
	json_object_set_new(o, "changes", json_boolean(w->changes));
	json_object_set_new(o, "files",
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "planned", (json_int_t)c->planned, "added",
				      (json_int_t)c->added, "changed", (json_int_t)c->changed, "unchanged",
				      (json_int_t)c->unchanged, "removed", (json_int_t)c->removed, "retained",
				      (json_int_t)c->retained, "bytes", (json_int_t)c->bytes));
}

int plan_report_paths(const struct plan_report *r, json_t *o, struct err *err)
{
	AUTO(walk_done) struct walk w = { .r = r, .p = r->plan, .text = STR_INIT(PIECE + MAX_LINE) };

	w.fd = fs_create(r->folder_fd, PLAN_PATHS, O_WRONLY, 0600);
	if (w.fd < 0)
		return err_sys(err, "making the file for the plan");
	w.destination_of = xcalloc(w.p->count, sizeof(*w.destination_of));
	w.conflict_of = xcalloc(w.p->count, sizeof(*w.conflict_of));
	for (size_t i = 0; i < w.p->conflict_count; i++)
		w.conflict_of[w.p->conflicts[i].node] = (uint32_t)i + 1;
	w.destinations = xcalloc(1, sizeof(*w.destinations)); /* the first: below no destination */
	w.destination_count = 1;
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(w.p, i, true))
		if (plan_is_place(w.p, i) && visit(&w, i, err) < 0)
			return -1;
	if (flush(&w, err) < 0)
		return -1;
	add_sums(&w, o);
	return 0;
}

json_t *plan_report_errors(const struct plan *p, size_t *count)
{
	json_t *list = json_array();

	*count = 0;
	for (size_t i = 0; i < p->findings.count; i++) {
		const struct finding *f = &p->findings.items[i];

		if (f->level == FINDING_ERROR && (*count)++ < MAX_ERRORS)
			json_array_append_new(list, json_pack("{s:i, s:o}", "line", (int)f->place.line, "message",
							      jtext(f->message)));
	}
	return list;
}
