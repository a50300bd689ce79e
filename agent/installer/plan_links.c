/* installer/plan_links.c - where a path of the plan leads: through links as they will stand once the last revision's
 * files are gone.
 */
#include "installer/plan_internal.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define MAX_LINKS 40 /* as the kernel counts them */

/* Where a link leads, link by link: one on the way may go as well. KIND of what stands AT; DISK_ABSENT: nowhere. */
struct lead {
	uint32_t at;
	enum disk_kind kind;
	unsigned links;
};

static int lead_along(struct plan *p, struct lead *l, const char *text, struct err *err);

static int lead_to_child(struct plan *p, struct lead *l, const char *name, size_t len, struct err *err)
{
	uint32_t parent = l->at;

	l->at = plan_child_copied(p, parent, name, len);
	if (plan_after_cleanup(p, l->at, &l->kind, err) < 0)
		return -1;
	if (l->kind != DISK_LINK)
		return 0;

	AUTO_FREE char *text = l->links++ < MAX_LINKS
				       ? p->in.world->link_text(p->in.world->context, plan_dir(p, parent),
								p->nodes[l->at].name)
				       : NULL;

	l->kind = text ? DISK_DIRECTORY : DISK_ABSENT;
	l->at = parent;
	return text ? lead_along(p, l, text, err) : 0;
}

static int lead_along(struct plan *p, struct lead *l, const char *text, struct err *err)
{
	if (*text == '/')
		l->at = 0;
	for (const char *c = text + strspn(text, "/"); *c && l->kind == DISK_DIRECTORY; c += strspn(c, "/")) {
		size_t n = strcspn(c, "/");

		if (n == 2 && !strncmp(c, "..", n))
			l->at = p->nodes[l->at].parent;
		else if ((n != 1 || *c != '.') && lead_to_child(p, l, c, n, err) < 0)
			return -1;
		c += n;
		if (*c && l->kind != DISK_DIRECTORY)
			l->kind = DISK_ABSENT;
	}
	return 0;
}

int plan_leads_to(struct plan *p, uint32_t node, uint32_t *out, enum disk_kind *kind, struct err *err)
{
	struct lead l = { .at = p->nodes[node].parent, .kind = DISK_DIRECTORY };

	if (lead_to_child(p, &l, p->nodes[node].name, strlen(p->nodes[node].name), err) < 0)
		return -1;
	*out = l.kind == DISK_ABSENT ? node : l.at;
	*kind = l.kind;
	return 0;
}

/* Where NODE, a link on the disk, leads when it leads to a folder that stays; else NODE itself. */
static int through_link(struct plan *p, uint32_t node, uint32_t *out, struct err *err)
{
	enum disk_kind kind;
	uint32_t real;

	if (plan_leads_to(p, node, &real, &kind, err) < 0)
		return -1;
	*out = kind == DISK_DIRECTORY ? real : node;
	return 0;
}

uint32_t plan_place(struct plan *p, uint32_t spelled)
{
	uint32_t parent = p->nodes[spelled].parent, base = p->nodes[parent].real;
	const char *name = p->nodes[spelled].name;

	return base == parent ? spelled : plan_child(p, base, name, strlen(name));
}

int plan_step(struct plan *p, uint32_t spelled, const char *name, size_t len, uint32_t *out, struct err *err)
{
	uint32_t child = plan_child(p, spelled, name, len);
	uint32_t real = plan_place(p, child);
	enum disk_kind kind;

	if (plan_after_cleanup(p, real, &kind, err) < 0)
		return -1;
	if (kind == DISK_LINK && through_link(p, real, &real, err) < 0)
		return -1;
	p->nodes[child].real = real;
	*out = child;
	return 0;
}
