/* installer/plan_permission.c - the permissions section, laid over what the files section wants. */
#include "appspec/pattern.h"
#include "installer/context_rule.h"
#include "installer/plan_internal.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/name_index.h"
#include "util/str.h"

#include <string.h>

static uint32_t find_spelled(const struct plan *p, const char *path)
{
	uint32_t at = 0;

	for (const char *c = path + strspn(path, "/"); *c; c += strspn(c, "/")) {
		size_t n = strcspn(c, "/");

		at = name_index_find(&p->index, at, c, n);
		if (at == NAME_INDEX_NONE)
			return TREE_NONE;
		c += n;
	}
	return at;
}

/* What the path spelled so is to be. A node that is only wanted by way of a link is not spelled here. */
static enum plan_want wanted_as(const struct plan *p, uint32_t spelled)
{
	const struct plan_node *n = &p->nodes[spelled];

	return n->real == spelled && n->flags & PLAN_ALIAS ? PLAN_WANT_NOTHING : (enum plan_want)n->want;
}

static bool is_file(enum plan_want want)
{
	return want == PLAN_WANT_FILE || want == PLAN_WANT_LINK;
}

static int set_attr(struct plan *p, uint32_t spelled, uint32_t attr)
{
	const struct appspec_permission *perm = p->attrs[attr - 1].permission;
	struct plan_node *n = &p->nodes[p->nodes[spelled].real];
	AUTO_FREE char *path = plan_path(p, spelled);

	if (n->attr == attr)
		return 0; /* by its other spelling */
	if (n->attr)
		return plan_refuse(
			p, ERR_APPSPEC, perm->place,
			"The deployment failed because the permissions setting for (%s) is specified more than "
			"once in the application specification file. Update the files section of the AppSpec "
			"file, and then try again.",
			path);
	for (size_t i = 0; i < perm->acl_count && n->want != PLAN_WANT_FOLDER; i++)
		if (perm->acls[i].is_default)
			return plan_refuse(
				p, ERR_APPSPEC, perm->place,
				"The deployment failed because the -d parameter has been specified to apply an "
				"acl setting to a file. This parameter is supported for directories only. "
				"Update the AppSpec file, and then try again. (%s)",
				path);
	n->attr = attr;
	return 0;
}

/* The object is a file that this install puts there. */
static int apply_to_file(struct plan *p, uint32_t spelled, uint32_t attr)
{
	const struct appspec_permission *perm = p->attrs[attr - 1].permission;

	if (strcmp(perm->pattern, "**"))
		return plan_refuse(
			p, ERR_APPSPEC, perm->place,
			"The deployment failed because the application specification file includes an object "
			"(%s) with an invalid pattern (%s), such as a pattern for a file applied to a directory. "
			"Correct the permissions section of the AppSpec file, and then try again.",
			perm->object, perm->pattern);
	if (perm->except_count)
		return plan_refuse(
			p, ERR_APPSPEC, perm->place,
			"The deployment failed because the except parameter for a pattern in the permissions "
			"section ([\"%s\"%s]) for the object named %s contains an invalid format. Update the "
			"AppSpec file, and then try again.",
			perm->excepts[0], perm->except_count > 1 ? ", ..." : "", perm->object);
	return set_attr(p, spelled, attr);
}

static bool excepted(const struct appspec_permission *perm, const char *name)
{
	for (size_t i = 0; i < perm->except_count; i++)
		if (pattern_matches(perm->excepts[i], name))
			return true;
	return false;
}

/* All below OBJECT that is of the kind FOLDERS says and matches; returns how many. */
static size_t apply_below(struct plan *p, uint32_t object, uint32_t attr, bool folders)
{
	const struct appspec_permission *perm = p->attrs[attr - 1].permission;
	bool deep = !strcmp(perm->pattern, "**");
	uint32_t end = plan_next(p, object, false);
	size_t matched = 0;

	for (uint32_t i = plan_next(p, object, true); i != end; i = plan_next(p, i, deep)) {
		enum plan_want want = wanted_as(p, i);
		bool direct = p->nodes[i].parent == object;

		if (folders ? want != PLAN_WANT_FOLDER : !is_file(want))
			continue;
		if ((!deep && !pattern_matches(perm->pattern, p->nodes[i].name)) ||
		    (direct && excepted(perm, p->nodes[i].name)))
			continue;
		matched++;
		(void)set_attr(p, i, attr); /* a refusal is recorded; the rest is looked at all the same */
	}
	return matched;
}

/* How many of the paths of this install the entry speaks of. */
static size_t apply_one(struct plan *p, uint32_t attr)
{
	const struct appspec_permission *perm = p->attrs[attr - 1].permission;
	AUTO_FREE char *path = NULL;
	struct err bad = ERR_INIT;
	size_t matched = 0;

	if (path_canonical(p->in.install_prefix, perm->object, &path, &bad) < 0) {
		(void)plan_refuse(p, bad.kind, perm->place, "%s", bad.msg);
		return 1;
	}

	uint32_t object = find_spelled(p, path);

	if (object == TREE_NONE)
		return 0;
	if (is_file(wanted_as(p, object))) {
		if (!(perm->types & APPSPEC_TYPE_FILE))
			return 0;
		(void)apply_to_file(p, object, attr);
		return 1;
	}
	if (perm->types & APPSPEC_TYPE_FILE)
		matched += apply_below(p, object, attr, false);
	if (perm->types & APPSPEC_TYPE_DIRECTORY)
		matched += apply_below(p, object, attr, true);
	return matched;
}

/* 0, or -1: this host does not know the name that BAD tells. */
static int resolve_owner(const struct plan *p, struct plan_attr *a, struct err *bad)
{
	const struct appspec_permission *perm = a->permission;
	const struct world *w = p->in.world;

	if (perm->owner && w->user(w->context, perm->owner, &a->uid) != 1)
		return err_set(bad, ERR_NOT_READY,
			       "can't find user for %s: create it on this host first, or correct 'owner'", perm->owner);
	if (perm->group && w->group(w->context, perm->group, &a->gid) != 1)
		return err_set(bad, ERR_NOT_READY,
			       "can't find group for %s: create it on this host first, or correct 'group'",
			       perm->group);
	a->has_uid = perm->owner;
	a->has_gid = perm->group;
	return 0;
}

static int resolve_acls(struct plan *p, struct plan_attr *a, struct err *bad)
{
	const struct appspec_permission *perm = a->permission;
	const struct world *w = p->in.world;
	struct str all = STR_INIT(64 * 1024);
	uid_t uid;
	gid_t gid;

	if (!perm->has_acls)
		return 0;
	for (size_t i = 0; i < perm->acl_count; i++) {
		const struct appspec_acl *acl = &perm->acls[i];
		bool known = !*acl->name || (acl->tag == ACL_TAG_USER ? w->user(w->context, acl->name, &uid)
								      : w->group(w->context, acl->name, &gid)) == 1;

		if (!known || str_printf(&all, "%s%s", i ? "," : "", acl->canonical) < 0) {
			str_done(&all);
			return err_set(bad, ERR_NOT_READY,
				       "The deployment failed because of a problem with the acls permission settings "
				       "in the application specification file for this object: %s. There is no %s "
				       "called '%s' on this host.",
				       perm->object, acl->tag == ACL_TAG_USER ? "user" : "group", acl->name);
		}
	}
	a->acl = arena_strdup(p->arena, str_text(&all));
	str_done(&all);
	return 0;
}

static int resolve_context(struct plan *p, struct plan_attr *a, struct err *bad)
{
	const struct appspec_permission *perm = a->permission;
	AUTO_FREE char *rule = context_text(perm->context);
	const struct world *w = p->in.world;

	if (!perm->context)
		return 0;
	if (p->in.uid)
		return err_set(bad, ERR_APPSPEC,
			       "object '%s' has an SELinux context: only root sets one; run the agent as root",
			       perm->object);
	if (w->label_tools && w->label_tools(w->context, bad) < 0)
		return err_add(bad, "object '%s' has an SELinux context", perm->object);
	a->context = arena_strdup(p->arena, rule);
	return 0;
}

/* What the host does not know or have refuses the install only when it is needed: a revision may carry entries that
 * have long matched nothing. */
static void apply_entry(struct plan *p, uint32_t attr)
{
	struct plan_attr *a = &p->attrs[attr - 1];
	const struct appspec_permission *perm = a->permission;
	struct err bad = ERR_INIT;
	bool known = resolve_owner(p, a, &bad) == 0 && resolve_acls(p, a, &bad) == 0 &&
		     resolve_context(p, a, &bad) == 0;

	if (!apply_one(p, attr)) {
		plan_warn(p, perm->place,
			  "the permissions for object '%s' match nothing that this deployment installs%s%s",
			  perm->object, known ? "" : ": ", known ? "" : bad.msg);
		return;
	}
	if (!known)
		(void)plan_refuse(p, bad.kind, perm->place, "%s", bad.msg);
	else if (p->in.uid && a->has_uid && a->uid != p->in.uid)
		(void)plan_refuse(p, ERR_APPSPEC, perm->place,
				  "owner '%s': only root gives files away; run the agent as root", perm->owner);
}

void plan_apply_permissions(struct plan *p)
{
	const struct appspec *spec = p->in.appspec;

	p->attrs = xcalloc(spec->permission_count, sizeof(*p->attrs));
	for (size_t i = 0; i < spec->permission_count; i++) {
		const struct appspec_permission *perm = &spec->permissions[i];
		struct plan_attr *a = &p->attrs[p->attr_count];

		*a = (struct plan_attr){ .permission = perm, .has_mode = perm->mode_text, .mode = perm->mode };
		apply_entry(p, ++p->attr_count);
	}
}
