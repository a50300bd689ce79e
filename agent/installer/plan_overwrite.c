/* installer/plan_overwrite.c - 'slipway: overwrite': which rule speaks of a file, and whether ours was edited since.
 *
 * As dpkg does with conffiles: the manifest has what the last revision brought, the disk what is there now, the bundle
 * what is to come. Rules and what was decided where dpkg does not fit: docs/appspec.md. Nothing here is asked unless
 * the appspec has such rules, and no content is read unless a rule retains it and its identity has changed.
 */
#include "appspec/pattern.h"
#include "installer/plan_internal.h"
#include "installer/policy.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

char *plan_path_without_prefix(const struct plan *p, uint32_t node)
{
	AUTO_FREE char *path = plan_path(p, node);
	AUTO_FREE char *prefix = NULL;
	struct err ignored = ERR_INIT; /* a prefix that is too long has refused every destination before */

	if (*p->in.install_prefix && path_canonical(p->in.install_prefix, "/", &prefix, &ignored) == 0 &&
	    str_starts(path, prefix) && path[strlen(prefix)] == '/')
		return xstrdup(path + strlen(prefix));
	return TAKE_PTR(path);
}

static const struct appspec_overwrite *rule_at(struct plan *p, uint32_t node)
{
	AUTO_FREE char *path = plan_path_without_prefix(p, node);

	return policy_rule(p->in.appspec, path);
}

const struct appspec_overwrite *plan_rule(struct plan *p, uint32_t spelled, uint32_t node)
{
	if (!p->in.appspec->overwrite_count)
		return NULL;

	const struct appspec_overwrite *one = rule_at(p, spelled);
	const struct appspec_overwrite *other = spelled == node ? one : rule_at(p, node);

	return !one || (other && other < one) ? other : one;
}

/* Does the link NODE lead where TEXT says? */
static bool same_link(const struct plan *p, uint32_t node, const char *dir, const char *text)
{
	AUTO_FREE char *have = p->in.world->link_text(p->in.world->context, dir, p->nodes[node].name);

	return have && !strcmp(have, text);
}

/* Does the file NODE have this content? */
static int same_file(struct plan *p, uint32_t node, int64_t size, const unsigned char digest[DIGEST_SIZE], bool *out,
		     struct err *err)
{
	const struct world *w = p->in.world;
	const char *dir = plan_dir(p, p->nodes[node].parent), *name = p->nodes[node].name;
	unsigned char have[DIGEST_SIZE];
	struct disk_entry d;

	*out = false;
	if (w->probe(w->context, dir, name, &d, err) < 0)
		return -1;
	if (d.kind != DISK_FILE || d.size != size)
		return 0;

	int r = w->digest(w->context, dir, name, have, err);

	*out = r == 1 && !memcmp(have, digest, sizeof(have));
	return r < 0 ? -1 : 0;
}

/* What the manifest does not know (taken over from another agent) may have been edited. */
static int edited(struct plan *p, uint32_t node, bool *out, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];
	const struct manifest_entry *e = &p->in.manifest->entries[n->old];
	bool same = false;
	int r = 0;

	if (n->flags & PLAN_UNTOUCHED)
		same = true;
	else if (n->disk == DISK_LINK && e->type == TREE_LINK)
		same = same_link(p, node, plan_dir(p, n->parent), manifest_text(p->in.manifest, e->text));
	else if (n->disk == DISK_FILE && e->type == TREE_FILE && e->flags & MANIFEST_HAS_DIGEST)
		r = same_file(p, node, e->size, e->digest, &same, err);
	*out = !same;
	return r;
}

int plan_retains_edit(struct plan *p, uint32_t spelled, uint32_t node, bool *out, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];

	*out = false;
	if (!(n->flags & PLAN_OURS) || n->disk == DISK_ABSENT || n->disk == DISK_DIRECTORY)
		return 0;

	const struct appspec_overwrite *rule = plan_rule(p, spelled, node);

	/* a script that may retain it is asked when something is to come in its place */
	return rule && (rule->policy || rule->behavior == FILE_EXISTS_RETAIN) ? edited(p, node, out, err) : 0;
}

int plan_holds(struct plan *p, uint32_t node, uint32_t source, bool *out, struct err *err)
{
	const struct tree_entry *s = &p->in.tree->entries[source];
	unsigned char digest[DIGEST_SIZE];

	*out = false;
	if (s->type == TREE_LINK) {
		*out = p->nodes[node].disk == DISK_LINK &&
		       same_link(p, node, plan_dir(p, p->nodes[node].parent), tree_link_text(p->in.tree, source));
		return 0;
	}
	if (!p->in.digests || !digest_index_find(p->in.digests, s->ino, s->size, s->ctime_ns, digest))
		return 0; /* a hook has written to the bundle: retaining loses nothing */
	return same_file(p, node, s->size, digest, out, err);
}

/* Does the bundle bring for NODE what the last revision brought? */
static bool brings_the_same(const struct plan *p, uint32_t node)
{
	const struct manifest_entry *e = &p->in.manifest->entries[p->nodes[node].old];
	const struct tree_entry *s = &p->in.tree->entries[p->nodes[node].source];
	unsigned char digest[DIGEST_SIZE];

	if (s->type == TREE_LINK)
		return e->type == TREE_LINK && !strcmp(manifest_text(p->in.manifest, e->text),
						       tree_link_text(p->in.tree, p->nodes[node].source));
	return e->type == TREE_FILE && e->flags & MANIFEST_HAS_DIGEST && p->in.digests &&
	       digest_index_find(p->in.digests, s->ino, s->size, s->ctime_ns, digest) &&
	       !memcmp(digest, e->digest, sizeof(digest));
}

void plan_warn_of_edit(struct plan *p, uint32_t node)
{
	const struct appspec_overwrite *rule = plan_rule(p, node, node);
	const struct appspec_place place = rule ? rule->place : (struct appspec_place){ 0, 0 };
	AUTO_FREE char *path = plan_path(p, node);

	if (p->nodes[node].want != PLAN_WANT_EDITED) {
		plan_warn(p, place,
			  "'%s' is not in this revision any more; it was edited since it was installed, so it is "
			  "retained, and is nobody's from now on: remove it by hand when it is not needed",
			  path);
	} else if (!brings_the_same(p, node)) {
		AUTO_FREE char *source = tree_path(p->in.tree, p->nodes[node].source);

		plan_warn(p, place,
			  "'%s' was edited since it was installed and is retained, but this revision brings a new "
			  "version of it: compare it with %s/%s",
			  path, p->in.archive, source);
	}
}
