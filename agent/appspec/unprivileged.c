/* appspec/unprivileged.c - see unprivileged.h. */
#include "appspec/unprivileged.h"

struct taking {
	const struct unprivileged *may;
	struct findings *left_out;
};

#define LEFT_OUT(t, place, ...) findings_add((t)->left_out, FINDING_WARNING, (place), __VA_ARGS__)

static void take_acls(const struct taking *t, struct appspec_permission *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->acl_count; i++) {
		const struct appspec_acl *a = &p->acls[i];

		if (*a->name && !t->may->known(t->may->context, a->name, a->tag == ACL_TAG_GROUP))
			LEFT_OUT(t, p->place, "acl '%s' of '%s': there is no such %s here", a->canonical, p->object,
				 a->tag == ACL_TAG_GROUP ? "group" : "user");
		else
			p->acls[kept++] = *a;
	}
	p->acl_count = kept;
}

static void take_permission(const struct taking *t, struct appspec_permission *p)
{
	const struct unprivileged *may = t->may;

	if (p->owner && !may->owner(may->context, p->owner)) {
		LEFT_OUT(t, p->place, "owner '%s' of '%s'", p->owner, p->object);
		p->owner = NULL;
	}
	if (p->group && !may->group(may->context, p->group)) {
		LEFT_OUT(t, p->place, "group '%s' of '%s'", p->group, p->object);
		p->group = NULL;
	}
	if (p->context) {
		LEFT_OUT(t, p->place, "the SELinux context of '%s'", p->object);
		p->context = NULL;
	}
	take_acls(t, p);
}

static void take_script(const struct taking *t, const char *event, struct appspec_script *s)
{
	if (s->runas && !t->may->owner(t->may->context, s->runas)) {
		LEFT_OUT(t, s->place, "%s: 'runas: %s' of '%s', which runs as you", event, s->runas, s->location);
		s->runas = NULL;
	}
	if (s->sudo) {
		LEFT_OUT(t, s->place, "%s: 'sudo' of '%s', which runs as you", event, s->location);
		s->sudo = false;
	}
}

void unprivileged_appspec(struct appspec *a, const struct unprivileged *may, struct findings *left_out)
{
	const struct taking t = { may, left_out };

	for (size_t i = 0; i < a->permission_count; i++)
		take_permission(&t, &a->permissions[i]);
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			take_script(&t, a->hooks[i].event, &a->hooks[i].scripts[k]);
}
