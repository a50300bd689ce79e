/* installer/plan_decide.c - from what is wanted and what is there to what is to be done. */
#include "installer/plan_internal.h"
#include "util/auto.h"

#include <string.h>
#include <sys/stat.h>

static uid_t kept_uid(const struct plan *p, uint32_t uid)
{
	return p->in.uid ? p->in.uid : uid; /* only root may give files away */
}

static void folder_attributes(const struct plan *p, uint32_t node, struct plan_attributes *out)
{
	*out = (struct plan_attributes){ .mode = 0777 & ~p->in.umask, .uid = p->in.uid, .gid = p->in.gid };
	while (p->nodes[node].want == PLAN_WANT_FOLDER)
		node = p->nodes[node].parent;
	for (uint32_t i = 0; i < p->setgid_count && p->nodes[node].flags & PLAN_SETGID; i++)
		if (p->setgid[i * 2] == node) { /* as mkdir(2) does below a setgid folder */
			out->gid = p->setgid[i * 2 + 1];
			out->mode |= S_ISGID;
		}
}

/* Of a link: the group comes down from a setgid folder as symlink(2) takes it. */
static void link_attributes(const struct plan *p, uint32_t node, struct plan_attributes *out)
{
	folder_attributes(p, p->nodes[node].parent, out);
	out->mode = 0777;
}

static void file_attributes(const struct plan *p, uint32_t node, struct plan_attributes *out)
{
	const struct tree_entry *e = &p->in.tree->entries[p->nodes[node].source];

	*out = (struct plan_attributes){
		.mode = e->mode,
		.uid = kept_uid(p, e->uid),
		.gid = p->in.uid ? p->in.gid : e->gid,
		.mtime_ns = e->mtime_ns,
	};
	if (out->uid != e->uid || out->gid != e->gid)
		out->mode &= (mode_t) ~(S_ISUID | S_ISGID); /* as cp -p does when it cannot keep the owner */
}

void plan_attributes(const struct plan *p, uint32_t node, struct plan_attributes *out)
{
	const struct plan_attr *a = p->nodes[node].attr ? &p->attrs[p->nodes[node].attr - 1] : NULL;
	enum plan_want want = (enum plan_want)p->nodes[node].want;

	if (want == PLAN_WANT_FOLDER)
		folder_attributes(p, node, out);
	else if (want == PLAN_WANT_FILE)
		file_attributes(p, node, out);
	else
		link_attributes(p, node, out);
	out->attr = a;
	plan_inherit(p, node, out);
	if (!a)
		return;
	if (a->has_uid)
		out->uid = a->uid;
	if (a->has_gid)
		out->gid = a->gid;
	if (a->has_mode && want != PLAN_WANT_LINK)
		out->mode = a->mode;
	else if (want == PLAN_WANT_FILE && (a->has_uid || a->has_gid)) /* as chown(2) does */
		out->mode &= out->mode & S_IXGRP ? (mode_t) ~(S_ISUID | S_ISGID) : (mode_t)~S_ISUID;
}

static bool same_context(const struct plan *p, const struct manifest_entry *e, const struct plan_attributes *a)
{
	return !strcmp(manifest_text(p->in.manifest, e->context), a->attr && a->attr->context ? a->attr->context : "");
}

/* Ours, nobody touched it since, and the new revision's is no different in any way (DESIGN section 6). */
static bool already_right(const struct plan *p, uint32_t node)
{
	const struct plan_node *n = &p->nodes[node];
	const struct manifest_entry *e = n->old == TREE_NONE ? NULL : &p->in.manifest->entries[n->old];
	struct plan_attributes a;
	unsigned char digest[DIGEST_SIZE];

	if (!(n->flags & PLAN_UNTOUCHED) || !(n->flags & PLAN_OURS) || !e)
		return false;
	plan_attributes(p, node, &a);
	if (e->uid != a.uid || e->gid != a.gid || !plan_same_acl(p, e, &a) || !same_context(p, e, &a))
		return false;
	if (n->want == PLAN_WANT_LINK)
		return e->type == TREE_LINK &&
		       !strcmp(manifest_text(p->in.manifest, e->text), tree_link_text(p->in.tree, n->source));

	const struct tree_entry *s = &p->in.tree->entries[n->source];

	return e->type == TREE_FILE && e->mode == a.mode && e->mtime_ns == a.mtime_ns &&
	       e->flags & MANIFEST_HAS_DIGEST && p->in.digests &&
	       digest_index_find(p->in.digests, s->ino, s->size, s->ctime_ns, digest) &&
	       !memcmp(digest, e->digest, sizeof(digest));
}

static int decide_folder(struct plan *p, uint32_t node, enum plan_action *out, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];
	struct plan_attributes a;
	struct disk_entry d;

	*out = n->disk == DISK_ABSENT ? PLAN_ADD : PLAN_CHANGE;
	if (n->disk != DISK_DIRECTORY)
		return 0;
	if (p->in.world->probe(p->in.world->context, plan_dir(p, n->parent), n->name, &d, err) < 0)
		return -1;
	plan_attributes(p, node, &a);

	const struct manifest_entry *e = n->old == TREE_NONE ? NULL : &p->in.manifest->entries[n->old];
	bool same = d.mode == a.mode && d.uid == a.uid && d.gid == a.gid && (!e || same_context(p, e, &a));

	if (same && plan_folder_acl(p, node, &a, &same, err) < 0)
		return -1;
	*out = same ? PLAN_KEEP : PLAN_REMAKE;
	return 0;
}

static void count_file(struct plan *p, const struct plan_node *n)
{
	struct plan_counts *c = &p->counts;

	c->planned++;
	c->added += n->action == PLAN_ADD;
	c->changed += n->action == PLAN_CHANGE;
	c->unchanged += n->action == PLAN_KEEP;
	if (n->want == PLAN_WANT_FILE && n->action != PLAN_KEEP)
		c->bytes += (uint64_t)p->in.tree->entries[n->source].size;
}

static int decide_node(struct plan *p, uint32_t node, struct err *err)
{
	struct plan_node *n = &p->nodes[node];
	enum plan_action action = PLAN_STAY;
	bool goes;

	if (plan_goes(p, node, &goes, err) < 0)
		return -1;
	switch (n->want) {
	case PLAN_WANT_FOLDER:
		if (decide_folder(p, node, &action, err) < 0)
			return -1;
		n->action = (uint8_t)action;
		p->counts.folders += action == PLAN_ADD || action == PLAN_CHANGE;
		return 0;
	case PLAN_WANT_FILE:
	case PLAN_WANT_LINK:
		n->action = n->disk == DISK_ABSENT || n->disk == DISK_DIRECTORY ? PLAN_ADD
			    : already_right(p, node)				? PLAN_KEEP
										: PLAN_CHANGE;
		count_file(p, n);
		return 0;
	case PLAN_WANT_EDITED:
		plan_warn_of_edit(p, node);
		/* fall through */
	case PLAN_WANT_RETAINED:
		p->counts.planned++;
		p->counts.retained++;
		return 0;
	default:
		if ((n->flags & PLAN_FATE) == PLAN_HELD && n->disk != DISK_DIRECTORY)
			plan_warn_of_edit(p, node);
		if (goes && n->disk != DISK_ABSENT) {
			n->action = PLAN_REMOVE;
			p->counts.removed += n->disk != DISK_DIRECTORY;
		}
		return 0;
	}
}

int plan_decide(struct plan *p, struct err *err)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true))
		if (plan_is_place(p, i) && decide_node(p, i, err) < 0)
			return -1;
	return 0;
}
