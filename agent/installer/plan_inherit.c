/* installer/plan_inherit.c - default ACLs and SELinux labels of the folders that stay, for what is made in them.
 *
 * A CodeDeploy agent makes everything where it is to be, and permissions come last: so what an existing folder has to
 * hand down goes to all that is made below it, and nothing that a permission entry says of a new folder does. A copied
 * file gets its own mode by chmod(2), a folder the one that the default ACL says, whatever the umask.
 * Source: acl(5), "Object creation and default ACLs"; what chmod(2) and `setfacl --set` leave was tried.
 */
#include "installer/plan_internal.h"

#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_made_in(const struct plan *p, uint32_t folder)
{
	if (p->nodes[folder].disk != DISK_DIRECTORY || p->nodes[folder].want == PLAN_WANT_FOLDER)
		return false;
	for (uint32_t i = plan_first_child(p, folder); i != TREE_NONE; i = plan_next_sibling(p, i))
		if (plan_is_place(p, i) && plan_is_wanted(&p->nodes[i]))
			return true;
	return false;
}

static int look_at(struct plan *p, uint32_t folder, struct disk_heritage *out, struct err *err)
{
	AUTO_FREE char *path = plan_path(p, folder);

	return p->in.world->heritage(p->in.world->context, path, p->arena, out, err);
}

int plan_look_at_heritages(struct plan *p, struct err *err)
{
	struct disk_heritage found;

	for (uint32_t i = 0; i < p->count && p->in.world->heritage; i++) {
		if (!is_made_in(p, i))
			continue;
		if (look_at(p, i, &found, err) < 0)
			return -1;
		if (!*found.defaults && !found.label)
			continue;
		p->heritages = xrealloc(p->heritages, (p->heritage_count + 1) * sizeof(*p->heritages));
		p->heritages[p->heritage_count++] = (struct plan_heritage){ i, found };
	}
	return 0;
}

static int by_node(const void *key, const void *member)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct plan_heritage *)member)->node;

	return (a > b) - (a < b);
}

static const struct disk_heritage *heritage_of(const struct plan *p, uint32_t node)
{
	const struct plan_heritage *found;

	if (!p->heritage_count)
		return NULL;
	do
		node = p->nodes[node].parent;
	while (p->nodes[node].want == PLAN_WANT_FOLDER);
	found = bsearch(&node, p->heritages, p->heritage_count, sizeof(*found), by_node);
	return found ? &found->is : NULL;
}

static bool sets_default(const struct plan_attr *a)
{
	for (size_t i = 0; i < a->permission->acl_count; i++)
		if (a->permission->acls[i].is_default)
			return true;
	return false;
}

void plan_inherit(const struct plan *p, uint32_t node, struct plan_attributes *out)
{
	const struct disk_heritage *h = out->heritage = heritage_of(p, node);
	enum plan_want want = (enum plan_want)p->nodes[node].want;
	bool acls = out->attr && out->attr->acl;

	out->inherited = "";
	if (!h || !*h->defaults)
		return;
	if (want == PLAN_WANT_FILE && h->default_named && !acls)
		out->inherited = h->defaults;
	if (want != PLAN_WANT_FOLDER)
		return;
	out->mode = h->default_mode | (out->mode & S_ISGID);
	if (!acls || !sets_default(out->attr)) /* as `setfacl --set` leaves the other one */
		out->inherited = h->defaults;
}

bool plan_same_acl(const struct plan *p, const struct manifest_entry *e, const struct plan_attributes *want)
{
	const char *had = manifest_text(p->in.manifest, e->acl);
	const char *inherited = strchrnul(had, '|');
	const char *set = want->attr && want->attr->acl ? want->attr->acl : "";

	return strlen(set) == (size_t)(inherited - had) && !strncmp(had, set, strlen(set)) &&
	       !strcmp(*inherited ? inherited + 1 : "", want->inherited);
}

int plan_folder_acl(struct plan *p, uint32_t node, const struct plan_attributes *want, bool *same, struct err *err)
{
	const struct plan_node *n = &p->nodes[node];
	const struct world *w = p->in.world;
	const struct disk_heritage *h = want->heritage;
	bool inherits = *want->inherited;
	struct disk_heritage is;

	*same = !(want->attr && want->attr->acl) &&
		(w->heritage && w->has_acl(w->context, plan_dir(p, n->parent), n->name)) == inherits;
	if (!*same || !inherits)
		return 0;
	if (look_at(p, node, &is, err) < 0)
		return -1;
	/* with a mode from the appspec it may be right, too: setting it once more does no harm */
	*same = !strcmp(is.defaults, want->inherited) && !strcmp(is.access, h->default_named ? h->defaults : "") &&
		(want->mode & 0777) == h->default_mode;
	return 0;
}
