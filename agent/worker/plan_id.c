/* worker/plan_id.c - everything that counts, written down in one order and hashed. */
#include "worker/plan_id.h"

#include "model/digest_index.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/str.h"

#include <stdio.h>
#include <string.h>

/* Names end with their NUL: no two lists of them read the same. */
static void feed_text(struct digest *d, const char *text)
{
	digest_update(d, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void feed_bundle(struct digest *d, const struct revision_files *r)
{
	for (uint32_t i = 1; i < r->tree.count; i++) {
		const struct tree_entry *e = &r->tree.entries[i];
		unsigned char content[DIGEST_SIZE] = { 0 };
		AUTO_FREE char *what = xasprintf("%u %u %o %u %u %lld", e->parent, e->type, e->mode, e->uid, e->gid,
						 (long long)(e->type == TREE_FILE ? e->mtime_ns : 0));

		if (e->type == TREE_FILE && !digest_index_find(r->digests, e->ino, e->size, e->ctime_ns, content))
			feed_text(d, "no digest"); /* a hook has written to it: its time tells */
		feed_text(d, what);
		feed_text(d, tree_name(&r->tree, i));
		feed_text(d, e->type == TREE_LINK ? tree_link_text(&r->tree, i) : NULL);
		digest_update(d, content, sizeof(content));
	}
}

/* A folder is told by its mode and owner: what others do in it changes its times. */
static int feed_standing(struct digest *d, const struct plan *p, uint32_t node, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];
	AUTO_FREE char *dir = plan_path(p, n->parent);
	struct disk_entry e;

	if (p->in.world->probe(p->in.world->context, dir, n->name, &e, err) < 0)
		return -1;

	bool whole = e.kind != DISK_DIRECTORY;
	AUTO_FREE char *what = xasprintf("%d %o %u %u %llu %llu %lld %lld %lld", e.kind, e.mode, e.uid, e.gid,
					 whole ? (unsigned long long)e.dev : 0, whole ? (unsigned long long)e.ino : 0,
					 whole ? (long long)e.size : 0, whole ? (long long)e.mtime_ns : 0,
					 whole ? (long long)e.ctime_ns : 0);

	feed_text(d, what);
	return 0;
}

static void feed_wanted(struct digest *d, const struct plan *p, uint32_t node)
{
	struct plan_attributes a;

	plan_attributes(p, node, &a);

	AUTO_FREE char *what = xasprintf("%u %o %u %u %s", p->nodes[node].source, a.mode, a.uid, a.gid,
					 a.attr && a.attr->acl ? a.attr->acl : "");

	feed_text(d, what);
}

static int feed_path(struct digest *d, const struct plan *p, uint32_t node, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];

	if (n->action == PLAN_STAY && n->want == PLAN_WANT_NOTHING && !(n->flags & PLAN_OURS))
		return 0;

	AUTO_FREE char *path = plan_path(p, node);
	AUTO_FREE char *what = xasprintf("%u %u %u", n->action, n->want, n->disk);

	feed_text(d, path);
	feed_text(d, what);
	if (plan_is_wanted(n))
		feed_wanted(d, p, node);
	return n->disk == DISK_ABSENT || !node ? 0 : feed_standing(d, p, node, err);
}

static int feed_conflicts(struct digest *d, const struct plan *p, struct err *err)
{
	for (size_t i = 0; i < p->conflict_count; i++) {
		AUTO_FREE char *path = plan_path(p, p->conflicts[i].node);
		AUTO_FREE char *what = xasprintf("%d %d", p->conflicts[i].verdict, p->conflicts[i].types_clash);

		feed_text(d, path);
		feed_text(d, what);
		if (feed_standing(d, p, p->conflicts[i].node, err) < 0)
			return -1;
	}
	return 0;
}

int plan_id(const struct plan *p, const struct revision_files *r, const char *previous, char out[PLAN_ID_SIZE],
	    struct err *err)
{
	AUTO(digest_freep) struct digest *d = digest_new();
	unsigned char hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	digest_start(d);
	feed_text(d, previous);
	feed_bundle(d, r);
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true))
		if (plan_is_place(p, i) && feed_path(d, p, i, err) < 0)
			return -1;
	if (feed_conflicts(d, p, err) < 0)
		return -1;
	digest_finish(d, hash);
	digest_hex(hash, hex);
	(void)snprintf(out, PLAN_ID_SIZE, "p-%.12s", hex);
	return 0;
}
