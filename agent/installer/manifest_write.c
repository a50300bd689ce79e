/* installer/manifest_write.c - what is left to be read by the next install. */
#include "installer/manifest_write.h"

#include "installer/arrange_label.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <sys/stat.h>

struct manifest_pass {
	const struct plan *p;
	const struct arrangement *a;
	size_t step;  /* of a: no node of an earlier one comes any more, both go depth first */
	uint64_t dev; /* where the step of this node, or of a folder above it, puts it */
	const struct staged_identity *identities;
	struct digest_index *digests;
	struct manifest_writer *writer;
	uint32_t *index; /* per plan node: 1-based in the manifest; 0: not in it */
	uint32_t count;
	bool moved;
	int dir_fd; /* of the folder looked into last */
	uint32_t dir;
};

/* Mark what is ours and the way to it. */
static void mark_wanted(struct manifest_pass *m)
{
	for (uint32_t i = 0; i < m->p->count; i++)
		if (plan_is_place(m->p, i) &&
		    (plan_is_wanted(&m->p->nodes[i]) || m->p->nodes[i].want == PLAN_WANT_EDITED))
			for (uint32_t n = i; !m->index[n]; n = m->p->nodes[n].parent)
				m->index[n] = 1;
	m->index[0] = 1;
}

static int look_at(struct manifest_pass *m, uint32_t node, struct stat *st)
{
	uint32_t parent = m->p->nodes[node].parent;

	if (m->dir_fd < 0 || m->dir != parent) {
		AUTO_FREE char *path = plan_path(m->p, parent);
		AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		auto_closep(&m->dir_fd);
		m->dir = parent;
		m->dir_fd = root < 0  ? -1
			    : path[1] ? fs_open_beneath(root, path + 1, O_PATH | O_DIRECTORY, 0)
				      : fcntl(root, F_DUPFD_CLOEXEC, 0);
	}
	return m->dir_fd < 0 ? -1 : fstatat(m->dir_fd, m->p->nodes[node].name, st, AT_SYMLINK_NOFOLLOW);
}

/* Was NODE renamed by a step of its own? Its time of change is known only after that. */
static bool moved_alone(const struct plan *p, uint32_t node)
{
	uint8_t up = p->nodes[p->nodes[node].parent].action;

	return up != PLAN_ADD && up != PLAN_CHANGE;
}

/* A label changes that time, too. */
static bool labelled(const struct plan *p, const struct plan_node *n)
{
	return n->attr && p->attrs[n->attr - 1].context;
}

bool manifest_gains_by_moving(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_node *n = &plan->nodes[i];

		if (plan_is_wanted(n) && n->real == i && n->want != PLAN_WANT_FOLDER && n->action != PLAN_KEEP &&
		    (moved_alone(plan, i) || labelled(plan, n)))
			return true;
	}
	return false;
}

static void fill_identity(struct manifest_pass *m, uint32_t node, struct manifest_entry *e)
{
	const struct plan_node *n = &m->p->nodes[node];
	const struct staged_identity *id = &m->identities[node];
	struct stat st;

	if (n->action == PLAN_KEEP) {
		const struct manifest_entry *old = &m->p->in.manifest->entries[n->old];

		e->dev = old->dev;
		e->ino = old->ino;
		e->ctime_ns = old->ctime_ns;
		e->mtime_ns = old->mtime_ns;
		e->size = old->size;
		return;
	}
	e->dev = m->dev;
	e->ino = id->ino;
	if (!moved_alone(m->p, node) && !labelled(m->p, n))
		e->ctime_ns = id->ctime_ns;
	else if (m->moved && look_at(m, node, &st) == 0 && st.st_ino == id->ino)
		/* size and mtime stay those of the bundle: written to since? */
		e->ctime_ns = fs_nanoseconds(&st.st_ctim);
}

/* Does the bundle have an entry of TYPE for N, installed now or held off by an edited one? */
static bool brings(const struct plan *p, const struct plan_node *n, enum tree_type type)
{
	return (n->want == PLAN_WANT_FILE || n->want == PLAN_WANT_LINK || n->want == PLAN_WANT_EDITED) &&
	       p->in.tree->entries[n->source].type == type;
}

/* What NODE, which is wanted, will have: *ACL is the caller's, *CONTEXT the plan's. */
static void fill_attributes(const struct plan *p, uint32_t node, struct manifest_entry *e, char **acl,
			    const char **context)
{
	struct plan_attributes want;

	plan_attributes(p, node, &want);

	const char *own_acl = want.attr && want.attr->acl ? want.attr->acl : "";

	e->flags = MANIFEST_OURS;
	e->mode = (uint16_t)want.mode;
	e->uid = want.uid;
	e->gid = want.gid;
	e->mtime_ns = want.mtime_ns;
	if (*own_acl || *want.inherited)
		*acl = xasprintf("%s%s%s", own_acl, *want.inherited ? "|" : "", want.inherited);
	*context = want.attr ? want.attr->context : NULL;
}

static int add_entry(struct manifest_pass *m, uint32_t node, struct err *err)
{
	const struct plan_node *n = &m->p->nodes[node];
	struct manifest_entry e = { .parent = node ? m->index[n->parent] - 1 : 0, .type = TREE_DIRECTORY };
	AUTO_FREE char *acl = NULL;
	const char *text = NULL, *context = NULL;

	m->index[node] = ++m->count;
	if (plan_is_wanted(n))
		fill_attributes(m->p, node, &e, &acl, &context);
	if (n->want == PLAN_WANT_EDITED) {
		e.flags = MANIFEST_OURS | MANIFEST_EDITED;
		context = arrange_rule_before(m->p, node);
	}
	if (brings(m->p, n, TREE_LINK)) {
		e.type = TREE_LINK;
		text = tree_link_text(m->p->in.tree, n->source);
	}
	if (brings(m->p, n, TREE_FILE)) {
		const struct tree_entry *s = &m->p->in.tree->entries[n->source];

		e.type = TREE_FILE;
		e.size = s->size;
		if (m->digests && digest_index_find(m->digests, s->ino, s->size, s->ctime_ns, e.digest))
			e.flags |= MANIFEST_HAS_DIGEST;
	}
	if (plan_is_wanted(n) && n->want != PLAN_WANT_FOLDER)
		fill_identity(m, node, &e);
	return manifest_add(m->writer, &e, n->name, text, acl, context, err);
}

/* NODE is placed by a step of its own: find that, and with it the device. */
static void enter_step(struct manifest_pass *m, uint32_t node)
{
	const struct steps *s = &m->a->steps;

	while (m->step < s->count && (m->a->nodes[m->step] != node || (s->items[m->step].kind != STEP_PLACE &&
								       s->items[m->step].kind != STEP_EXCHANGE)))
		m->step++;
	m->dev = m->step < s->count ? s->items[m->step].new_dev : 0;
}

static int add_entries(struct manifest_pass *m, struct err *err)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(m->p, i, true)) {
		const struct plan_node *n = &m->p->nodes[i];

		if (!m->index[i])
			continue;
		if ((n->action == PLAN_ADD || n->action == PLAN_CHANGE) && moved_alone(m->p, i))
			enter_step(m, i);
		if (add_entry(m, i, err) < 0)
			return -1;
	}
	return manifest_finish(m->writer, err);
}

int manifest_write(const struct manifest_source *source, int dir_fd, const char *name, struct err *err)
{
	struct manifest_pass m = {
		.p = source->plan,
		.a = source->arrangement,
		.identities = source->identities,
		.digests = source->plan->in.digests,
		.moved = source->moved,
		.dir_fd = -1,
	};

	if (fs_unlink(dir_fd, name) < 0 && errno != ENOENT)
		return err_sys(err, "removing '%s'", name);
	if (manifest_create(dir_fd, name, &m.writer, err) < 0)
		return -1;
	m.index = xcalloc(m.p->count, sizeof(*m.index));
	mark_wanted(&m);

	int r = add_entries(&m, err);

	free(m.index);
	auto_closep(&m.dir_fd);
	manifest_writer_free(m.writer);
	return r;
}
