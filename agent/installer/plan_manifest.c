/* installer/plan_manifest.c - the last revision in the plan: which paths are its, and which of them will be gone. */
#include "installer/plan_internal.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

/* The folder to which NODE, a link on the disk, leads before anything goes: what goes is not known until the whole
 * manifest is. *OUT stays when it leads to none. */
static int where_it_leads_now(struct plan *p, uint32_t node, uint32_t *out, struct err *err)
{
	AUTO_FREE char *path = plan_path(p, node);
	AUTO_FREE char *target = NULL;
	enum disk_kind kind;
	int r = p->in.world->follow(p->in.world->context, path, &target, &kind, err);

	if (r < 1 || kind != DISK_DIRECTORY)
		return r < 0 ? -1 : 0;
	*out = 0;
	for (const char *c = target + strspn(target, "/"); *c; c += strspn(c, "/")) {
		size_t n = strcspn(c, "/");

		*out = plan_child_copied(p, *out, c, n);
		c += n;
	}
	return 0;
}

int plan_add_manifest(struct plan *p, struct err *err)
{
	const struct manifest *m = p->in.manifest;

	if (!m)
		return 0;

	AUTO_FREE uint32_t *node_of = xmalloc(m->count * sizeof(*node_of));

	node_of[0] = 0;
	for (uint32_t i = 1; i < m->count; i++) {
		uint32_t parent = node_of[m->entries[i].parent];
		const char *name = manifest_name(m, i);

		if (plan_probe(p, parent, err) < 0)
			return -1;
		if (p->nodes[parent].disk == DISK_LINK && where_it_leads_now(p, parent, &parent, err) < 0)
			return -1;
		node_of[i] = plan_child(p, parent, name, strlen(name));
		p->nodes[node_of[i]].old = i;
		if (m->entries[i].flags & MANIFEST_OURS)
			p->nodes[node_of[i]].flags |= PLAN_OURS;
	}
	return 0;
}

struct listing {
	struct plan *p;
	uint32_t dir;
	uint32_t *children;
	size_t count;
};

static int note_child(void *arg, const char *name)
{
	struct listing *l = arg;
	uint32_t child = name_index_find(&l->p->index, l->dir, name, strlen(name));

	if (child == NAME_INDEX_NONE)
		return 1; /* not one of ours: the folder stays */
	if ((l->count & (l->count + 1)) == 0)
		l->children = xrealloc(l->children, (l->count * 2 + 2) * sizeof(*l->children));
	l->children[l->count++] = child;
	return 0;
}

/* It goes when nothing in it stays; when only edited files of ours do, it is held for them. */
static int folder_fate(struct plan *p, uint32_t node, uint8_t *out, struct err *err)
{
	AUTO_FREE char *path = plan_path(p, node);
	struct listing l = { .p = p, .dir = node };
	int r = p->in.world->list(p->in.world->context, path, note_child, &l, err);
	bool goes;

	*out = r == 0 ? PLAN_GOES : PLAN_STAYS;
	for (size_t i = 0; r == 0 && *out != PLAN_STAYS && i < l.count; i++) {
		r = plan_goes(p, l.children[i], &goes, err);
		if (r == 0 && !goes)
			*out = p->nodes[l.children[i]].flags & PLAN_FATE; /* several are held, or one stays */
	}
	free(l.children);
	return r < 0 ? -1 : 0;
}

static int own_fate(struct plan *p, uint32_t node, uint8_t *out, struct err *err)
{
	bool retained;

	if (p->nodes[node].disk == DISK_DIRECTORY)
		return folder_fate(p, node, out, err);
	if (plan_retains_edit(p, node, node, &retained, err) < 0)
		return -1;
	*out = retained ? PLAN_HELD : PLAN_GOES;
	return 0;
}

int plan_goes(struct plan *p, uint32_t node, bool *out, struct err *err)
{
	uint8_t fate = PLAN_STAYS;

	if (plan_probe(p, node, err) < 0)
		return -1;
	if (!(p->nodes[node].flags & PLAN_FATE)) {
		if (p->nodes[node].flags & PLAN_OURS && own_fate(p, node, &fate, err) < 0)
			return -1;
		p->nodes[node].flags |= fate;
	}
	*out = (p->nodes[node].flags & PLAN_FATE) == PLAN_GOES;
	return 0;
}

int plan_after_cleanup(struct plan *p, uint32_t node, enum disk_kind *out, struct err *err)
{
	bool goes;

	if (plan_goes(p, node, &goes, err) < 0)
		return -1;
	*out = goes ? DISK_ABSENT : (enum disk_kind)p->nodes[node].disk;
	return 0;
}
