/* installer/plan.c - the tree of paths that a plan is, and what stands at each of them. */
#include "installer/plan.h"

#include "installer/plan_internal.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *node_name(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct plan *p = tree;

	*parent = p->nodes[id].parent;
	return p->nodes[id].name;
}

static uint32_t add_node(struct plan *p, uint32_t parent, const char *name)
{
	if (p->count == p->capacity) {
		p->capacity = p->capacity ? p->capacity + p->capacity / 2 : 256;
		p->nodes = xrealloc(p->nodes, p->capacity * sizeof(*p->nodes));
	}

	uint32_t id = p->count++;
	struct plan_node *n = &p->nodes[id];

	*n = (struct plan_node){
		.name = name,
		.parent = parent,
		.last = TREE_NONE,
		.next = id,
		.real = id,
		.source = TREE_NONE,
		.old = TREE_NONE,
	};
	if (id != parent) {
		struct plan_node *up = &p->nodes[parent];

		if (up->last != TREE_NONE) {
			n->next = p->nodes[up->last].next;
			p->nodes[up->last].next = id;
		}
		up->last = id;
	}
	name_index_add(&p->index, id);
	return id;
}

uint32_t plan_child(struct plan *p, uint32_t node, const char *name, size_t len)
{
	uint32_t found = name_index_find(&p->index, node, name, len);

	if (found != NAME_INDEX_NONE)
		return found;
	return add_node(p, node, name[len] ? arena_strndup(p->arena, name, len) : name);
}

uint32_t plan_child_copied(struct plan *p, uint32_t node, const char *name, size_t len)
{
	uint32_t found = name_index_find(&p->index, node, name, len);

	return found != NAME_INDEX_NONE ? found : add_node(p, node, arena_strndup(p->arena, name, len));
}

uint32_t plan_first_child(const struct plan *p, uint32_t node)
{
	uint32_t last = p->nodes[node].last;

	return last == TREE_NONE ? TREE_NONE : p->nodes[last].next;
}

uint32_t plan_next_sibling(const struct plan *p, uint32_t node)
{
	return !node || p->nodes[p->nodes[node].parent].last == node ? TREE_NONE : p->nodes[node].next;
}

uint32_t plan_next(const struct plan *p, uint32_t node, bool below)
{
	uint32_t child = below ? plan_first_child(p, node) : TREE_NONE;

	if (child != TREE_NONE)
		return child;
	for (; node; node = p->nodes[node].parent) {
		uint32_t sibling = plan_next_sibling(p, node);

		if (sibling != TREE_NONE)
			return sibling;
	}
	return TREE_NONE;
}

bool plan_is_wanted(const struct plan_node *n)
{
	return n->want == PLAN_WANT_FOLDER || n->want == PLAN_WANT_FILE || n->want == PLAN_WANT_LINK;
}

bool plan_is_place(const struct plan *p, uint32_t node)
{
	const struct plan_node *n = &p->nodes[node];

	return n->real == node || n->want == PLAN_WANT_RETAINED || n->want == PLAN_WANT_EDITED;
}

char *plan_path(const struct plan *p, uint32_t node)
{
	size_t len = 0;

	for (uint32_t i = node; i; i = p->nodes[i].parent)
		len += strlen(p->nodes[i].name) + 1;

	char *path = xmalloc(len + 2);
	char *at = path + len;

	if (!len)
		return memcpy(path, "/", 2);
	*at = '\0';
	for (uint32_t i = node; i; i = p->nodes[i].parent) {
		size_t n = strlen(p->nodes[i].name);

		at -= n;
		memcpy(at, p->nodes[i].name, n);
		*--at = '/';
	}
	return path;
}

/* Grows by doubling: a folder of somebody else's may hold a million. */
void plan_note_conflict(struct plan *p, const struct plan_conflict *c)
{
	if ((p->conflict_count & (p->conflict_count + 1)) == 0)
		p->conflicts = xrealloc(p->conflicts, (p->conflict_count * 2 + 2) * sizeof(*p->conflicts));
	p->conflicts[p->conflict_count++] = *c;
}

const char *plan_dir(struct plan *p, uint32_t node)
{
	if (!p->dir || p->dir_node != node) {
		free(p->dir);
		p->dir = plan_path(p, node);
		p->dir_node = node;
	}
	return p->dir;
}

int plan_refuse(struct plan *p, enum err_kind kind, struct appspec_place place, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (!p->findings.errors)
		p->kind = kind;
	p->hard += kind != ERR_EXISTS && kind != ERR_NOT_READY;
	if (kind == ERR_EXISTS || !place.line) /* these name a file, which says more than a line */
		findings_add(&p->findings, FINDING_ERROR, place, "%s", n < 0 ? fmt : text);
	else
		findings_add(&p->findings, FINDING_ERROR, place, "appspec line %u: %s", place.line, n < 0 ? fmt : text);
	return -1;
}

void plan_warn(struct plan *p, struct appspec_place place, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	findings_add(&p->findings, FINDING_WARNING, place, "%s", n < 0 ? fmt : text);
}

/* Is what stands there the very thing that the manifest recorded, not written to or changed in any way since? A link
 * cannot be written to: its size and time tell nothing more. */
static bool untouched(const struct plan *p, const struct plan_node *n, const struct disk_entry *d)
{
	const struct manifest_entry *e = n->old == TREE_NONE ? NULL : &p->in.manifest->entries[n->old];

	return e && e->ino && e->dev == d->dev && e->ino == d->ino && e->ctime_ns == d->ctime_ns &&
	       (d->kind == DISK_LINK || (e->size == d->size && e->mtime_ns == d->mtime_ns));
}

int plan_probe(struct plan *p, uint32_t node, struct err *err)
{
	struct disk_entry d = { .kind = DISK_ABSENT };

	if (p->nodes[node].flags & PLAN_PROBED)
		return 0;

	uint32_t parent = p->nodes[node].parent;

	if (plan_probe(p, parent, err) < 0)
		return -1;
	if (p->nodes[parent].disk == DISK_DIRECTORY &&
	    p->in.world->probe(p->in.world->context, plan_dir(p, parent), p->nodes[node].name, &d, err) < 0)
		return -1;

	struct plan_node *n = &p->nodes[node];

	n->disk = (uint8_t)d.kind;
	n->ino = d.ino;
	n->flags |= PLAN_PROBED;
	if (untouched(p, n, &d))
		n->flags |= PLAN_UNTOUCHED;
	if (d.kind == DISK_DIRECTORY && d.mode & S_ISGID) {
		n->flags |= PLAN_SETGID;
		p->setgid = xrealloc(p->setgid, (p->setgid_count + 1) * 2 * sizeof(*p->setgid));
		p->setgid[p->setgid_count * 2] = node;
		p->setgid[p->setgid_count++ * 2 + 1] = d.gid;
	}
	return 0;
}

static int build(struct plan *p, struct err *err)
{
	plan_ready_policies(p);
	if (plan_add_manifest(p, err) < 0 || plan_add_files(p, err) < 0)
		return -1;
	plan_apply_permissions(p);
	if (plan_look_at_heritages(p, err) < 0 || plan_decide(p, err) < 0)
		return -1;
	name_index_done(&p->index); /* no path is looked up any more, and staging needs the memory */
	for (size_t i = 0; i < p->findings.count; i++)
		if (p->findings.items[i].level == FINDING_ERROR)
			return err_set(err, p->kind, "%s", p->findings.items[i].message);
	return 0;
}

int plan_build(const struct plan_input *in, struct plan **out, struct err *err)
{
	struct plan *p = xcalloc(1, sizeof(*p));

	p->in = *in;
	p->arena = arena_new();
	name_index_init(&p->index, node_name, p);
	add_node(p, 0, "");
	p->nodes[0].disk = DISK_DIRECTORY;
	p->nodes[0].flags = PLAN_PROBED;
	*out = p;
	return build(p, err);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	name_index_done(&p->index);
	findings_done(&p->findings);
	arena_free(p->arena);
	free(p->nodes);
	free(p->conflicts);
	free(p->attrs);
	free(p->setgid);
	free(p->heritages);
	free(p->dir);
	free(p);
}
