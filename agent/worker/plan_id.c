/* worker/plan_id.c - everything that counts, written down in one order and hashed. */
#include "worker/plan_id.h"

#include "model/digest_index.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/host_scripts.h"

#include <stdio.h>
#include <string.h>

#define HALF_DIGITS 12

/* Names end with their NUL: no two lists of them read the same. */
static void feed_text(struct digest *d, const char *text)
{
	digest_update(d, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Unpacking has hashed every file; one that was changed since is read. */
static int feed_content(struct digest *d, const struct plan_basis *b, uint32_t index, struct err *err)
{
	const struct tree_entry *e = &b->files->tree.entries[index];
	const struct world *w = b->plan->in.world;
	unsigned char content[DIGEST_SIZE] = { 0 };

	if (!digest_index_find(b->files->digests, e->ino, e->size, e->ctime_ns, content)) {
		AUTO_FREE char *below = tree_path(&b->files->tree, e->parent);
		AUTO_FREE char *dir = xasprintf("%s%s%s", b->plan->in.archive, *below ? "/" : "", below);

		if (w->digest(w->context, dir, tree_name(&b->files->tree, index), content, err) < 0)
			return -1;
	}
	digest_update(d, content, sizeof(content));
	return 0;
}

static int feed_entry(struct digest *d, const struct plan_basis *b, uint32_t index, struct err *err)
{
	const struct tree *t = &b->files->tree;
	const struct tree_entry *e = &t->entries[index];
	AUTO_FREE char *what = xasprintf("%u %u %o %u %u %lld", e->parent, e->type, e->mode, e->uid, e->gid,
					 (long long)(e->type == TREE_FILE ? e->mtime_ns : 0));

	feed_text(d, what);
	feed_text(d, tree_name(t, index));
	feed_text(d, e->type == TREE_LINK ? tree_link_text(t, index) : NULL);
	return e->type == TREE_FILE ? feed_content(d, b, index, err) : 0;
}

static int feed_bundle(struct digest *d, const struct plan_basis *b, struct err *err)
{
	for (uint32_t i = 1; i < b->files->tree.count; i++)
		if (feed_entry(d, b, i, err) < 0)
			return -1;
	return 0;
}

/* What was asked for, and what the group and the host's configuration make of it. */
static void feed_circumstances(struct digest *d, const struct plan_basis *b)
{
	AUTO_FREE char *behavior = xasprintf("%d", b->plan->in.behavior);

	feed_text(d, b->deployment->group);
	feed_text(d, b->previous);
	feed_text(d, b->files->appspec_name);
	feed_text(d, behavior);
	feed_text(d, b->plan->in.install_prefix);
	for (const char *const *e = b->order; *e; e++)
		feed_text(d, *e);
	feed_text(d, NULL); /* the end of the list */
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

	AUTO_FREE char *what = xasprintf("%u %o %u %u %s|%s|%s", p->nodes[node].source, a.mode, a.uid, a.gid,
					 a.attr && a.attr->acl ? a.attr->acl : "", a.inherited,
					 a.attr && a.attr->context ? a.attr->context : "");

	feed_text(d, what);
}

bool plan_id_counts(const struct plan_node *n)
{
	return n->action != PLAN_STAY || n->want != PLAN_WANT_NOTHING || n->flags & PLAN_OURS;
}

static int feed_path(struct digest *d, const struct plan *p, uint32_t node, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];

	if (!plan_id_counts(n))
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

/* A folder of hooks changes with what is ignored in it, too. */
static void feed_script(void *context, const char *path, const struct stat *st)
{
	AUTO_FREE char *what = xasprintf("%o %u %u %llu %llu %lld %lld %lld", st->st_mode, st->st_uid, st->st_gid,
					 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
					 (long long)st->st_size, (long long)fs_nanoseconds(&st->st_mtim),
					 (long long)fs_nanoseconds(&st->st_ctim));

	if (S_ISDIR(st->st_mode))
		return;
	feed_text(context, path);
	feed_text(context, what);
}

static int feed_host(struct digest *d, const struct plan_basis *b, struct err *err)
{
	const struct plan *p = b->plan;

	feed_circumstances(d, b);
	host_scripts_each(b->deployment, b->order, feed_script, d);
	feed_text(d, NULL);
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true))
		if (plan_is_place(p, i) && feed_path(d, p, i, err) < 0)
			return -1;
	return feed_conflicts(d, p, err);
}

static void finish(struct digest *d, char hex[DIGEST_HEX_SIZE])
{
	unsigned char hash[DIGEST_BYTES];

	digest_finish(d, hash);
	digest_hex(hash, hex);
}

int plan_id(const struct plan_basis *b, char out[PLAN_ID_SIZE], struct err *err)
{
	AUTO(digest_freep) struct digest *d = digest_new();
	char bundle[DIGEST_HEX_SIZE], host[DIGEST_HEX_SIZE];

	digest_start(d);
	if (feed_bundle(d, b, err) < 0)
		return -1;
	finish(d, bundle);
	digest_start(d);
	if (feed_host(d, b, err) < 0)
		return -1;
	finish(d, host);
	(void)snprintf(out, PLAN_ID_SIZE, "p-%.*s-%.*s", HALF_DIGITS, bundle, HALF_DIGITS, host);
	return 0;
}
