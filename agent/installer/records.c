/* installer/records.c - what is left to be read by the next install. */
#include "installer/records.h"

#include "installer/arrange_label.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FLUSH_AT   (64 * 1024)
#define QUOTED_MAX (6 * PATH_MAX + 3) /* each byte escaped, the quotes and the NUL */

struct sink { /* a file written through a buffer */
	int fd;
	struct str pending;
};

static int sink_open(struct sink *s, int dir_fd, const char *name, struct err *err)
{
	*s = (struct sink){ .fd = -1, .pending = STR_INIT(4 * FLUSH_AT) };
	if (fs_unlink(dir_fd, name) < 0 && errno != ENOENT)
		return err_sys(err, "removing '%s'", name);
	s->fd = fs_create(dir_fd, name, O_WRONLY, 0644);
	return s->fd < 0 ? err_sys(err, "creating '%s'", name) : 0;
}

static void sink_done(struct sink *s)
{
	auto_closep(&s->fd);
	str_done(&s->pending);
}

static int sink_flush(struct sink *s, struct err *err)
{
	if (s->pending.len && fs_write(s->fd, s->pending.data, s->pending.len) < 0)
		return err_sys(err, "writing the record of the install");
	str_clear(&s->pending);
	return 0;
}

static int sink_add(struct sink *s, const char *text, size_t len, struct err *err)
{
	if (s->pending.len + len > FLUSH_AT && sink_flush(s, err) < 0)
		return -1;
	if (str_append(&s->pending, text, len) < 0)
		return err_set(err, ERR_STATE, "a record of the install is longer than %d bytes", 4 * FLUSH_AT);
	return 0;
}

/* Paths as the appspec spells them: a node that is only wanted by way of a link appears under that spelling. */
static bool is_recorded(const struct plan *p, uint32_t node)
{
	const struct plan_node *n = &p->nodes[node];

	return plan_is_wanted(n) && !(n->real == node && n->flags & PLAN_ALIAS);
}

/* With the plain path, as a CodeDeploy agent writes it and, by a shell, reads it. */
static int add_rule_lines(const struct plan *p, struct sink *s, struct err *err)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		const struct plan_node *real = &p->nodes[p->nodes[i].real];

		if (!is_recorded(p, i) || !real->attr || !p->attrs[real->attr - 1].context)
			continue;

		AUTO_FREE char *path = plan_path(p, p->nodes[i].real);

		if (sink_add(s, "semanage", sizeof("semanage"), err) < 0 || sink_add(s, path, strlen(path), err) < 0 ||
		    sink_add(s, "\n", 1, err) < 0)
			return -1;
	}
	return 0;
}

static int write_cleanup(const struct plan *p, int dir_fd, const char *name, struct err *err)
{
	AUTO(sink_done) struct sink s;

	if (sink_open(&s, dir_fd, name, err) < 0)
		return -1;
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		if (!is_recorded(p, i))
			continue;

		AUTO_FREE char *path = plan_path(p, i);

		if (sink_add(&s, path, strlen(path), err) < 0 || sink_add(&s, "\n", 1, err) < 0)
			return -1;
	}
	return add_rule_lines(p, &s, err) < 0 ? -1 : sink_flush(&s, err);
}

/* One instruction; takes the reference OBJECT. */
static int add_instruction(struct sink *s, bool *first, json_t *object, struct err *err)
{
	AUTO_FREE char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text) /* a name that is no UTF-8: JSON cannot say it, and the file is a record only */
		return 0;
	if (!*first && sink_add(s, ",", 1, err) < 0)
		return -1;
	*first = false;
	return sink_add(s, text, strlen(text), err);
}

/* TEXT as JSON writes it, quotes included; false: JSON cannot say it. */
static bool quote(const char *text, char out[QUOTED_MAX])
{
	json_t *string = json_string(text);
	size_t n = string ? json_dumpb(string, out, QUOTED_MAX - 1, JSON_ENCODE_ANY) : 0;

	json_decref(string);
	if (!n || n >= QUOTED_MAX)
		return false;
	out[n] = '\0';
	return true;
}

/* The instruction that makes NODE. There is one for every file, so only their strings go through the JSON library. */
static int add_making(struct sink *s, bool *first, const struct plan *p, uint32_t node, const char *path,
		      struct err *err)
{
	bool folder = p->nodes[node].want == PLAN_WANT_FOLDER;
	AUTO_FREE char *relative = folder ? NULL : tree_path(p->in.tree, p->nodes[node].source);
	AUTO_FREE char *source = folder ? NULL : xasprintf("%s/%s", p->in.archive, relative);
	char from[QUOTED_MAX], to[QUOTED_MAX];

	if (!quote(path, to) || (!folder && !quote(source, from)))
		return 0; /* the file is a record only */

	AUTO_FREE char *text = folder ? xasprintf(",{\"type\":\"mkdir\",\"directory\":%s}", to)
				      : xasprintf(",{\"type\":\"copy\",\"source\":%s,\"destination\":%s}", from, to);
	const char *begin = *first ? text + 1 : text;

	*first = false;
	return sink_add(s, begin, strlen(begin), err);
}

static int add_permissions(struct sink *s, bool *first, const struct plan_attr *a, const char *path, struct err *err)
{
	const struct appspec_permission *perm = a->permission;

	if (a->has_mode &&
	    add_instruction(s, first,
			    json_pack("{s:s, s:s, s:s}", "type", "chmod", "mode", perm->mode_text, "file", path),
			    err) < 0)
		return -1;
	if (perm->has_acls) {
		json_t *acl = json_array();

		for (size_t i = 0; i < perm->acl_count; i++)
			(void)json_array_append_new(acl, json_string(perm->acls[i].canonical)); /* memory only */
		if (add_instruction(s, first, json_pack("{s:s, s:o, s:s}", "type", "setfacl", "acl", acl, "file", path),
				    err) < 0)
			return -1;
	}
	if (a->context && add_instruction(s, first,
					  json_pack("{s:s, s:{s:s?, s:n, s:s, s:s?}, s:s}", "type", "semanage",
						    "context", "user", perm->context->user, "role", "type",
						    perm->context->type, "range", perm->context->range, "file", path),
					  err) < 0)
		return -1;
	if (!a->has_uid && !a->has_gid)
		return 0;
	return add_instruction(s, first,
			       json_pack("{s:s, s:s?, s:s?, s:s}", "type", "chown", "owner", perm->owner, "group",
					 perm->group, "file", path),
			       err);
}

static int write_instructions(const struct plan *p, int dir_fd, const char *name, struct err *err)
{
	AUTO(sink_done) struct sink s;
	bool first = true;

	if (sink_open(&s, dir_fd, name, err) < 0 || sink_add(&s, "{\"instructions\":[", 17, err) < 0)
		return -1;
	for (int permissions = 0; permissions < 2; permissions++) {
		for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
			uint32_t attr = p->nodes[p->nodes[i].real].attr;

			if (!is_recorded(p, i) || (permissions && !attr))
				continue;

			AUTO_FREE char *path = plan_path(p, i);
			int r = permissions ? add_permissions(&s, &first, &p->attrs[attr - 1], path, err)
					    : add_making(&s, &first, p, i, path, err);

			if (r < 0)
				return -1;
		}
	}
	return sink_add(&s, "]}", 2, err) < 0 ? -1 : sink_flush(&s, err);
}

static const char *const suffixes[] = { "install.json", "cleanup" };

static int record_name(char out[NAME_MAX + 1], const char *group, const char *suffix, const char *more, struct err *err)
{
	if (snprintf(out, NAME_MAX + 1, "%s-%s%s", group, suffix, more) > NAME_MAX)
		return err_set(err, ERR_USAGE, "the deployment group's name '%.100s...' is too long", group);
	return 0;
}

int records_write(const struct plan *plan, int dir_fd, const char *group, struct err *err)
{
	char name[NAME_MAX + 1];

	if (record_name(name, group, suffixes[0], ".new", err) < 0 || write_instructions(plan, dir_fd, name, err) < 0)
		return -1;
	if (record_name(name, group, suffixes[1], ".new", err) < 0)
		return -1;
	return write_cleanup(plan, dir_fd, name, err);
}

int records_publish(int dir_fd, const char *group, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char from[NAME_MAX + 1], to[NAME_MAX + 1];

		if (record_name(from, group, suffixes[i], ".new", err) < 0 ||
		    record_name(to, group, suffixes[i], "", err) < 0)
			return -1;
		if (fs_rename(dir_fd, from, dir_fd, to) < 0 && errno != ENOENT)
			return err_sys(err, "renaming '%s'", from);
	}
	return 0;
}

int records_discard(int dir_fd, const char *group, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char name[NAME_MAX + 1];

		if (record_name(name, group, suffixes[i], ".new", err) < 0)
			return -1;
		if (fs_unlink(dir_fd, name) < 0 && errno != ENOENT)
			return err_sys(err, "removing '%s'", name);
	}
	return 0;
}

static const char *const kept_names[ARRAY_LEN(suffixes)] = { "install.json.replaced", "cleanup.replaced" };

int records_keep(int dir_fd, const char *group, int kept_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char name[NAME_MAX + 1];

		if (record_name(name, group, suffixes[i], "", err) < 0)
			return -1;
		if (fs_link(dir_fd, name, kept_fd, kept_names[i]) < 0 && errno != ENOENT)
			return err_sys(err, "keeping '%s'", name);
	}
	return 0;
}

/* By way of a third name: a rename of one name of a file over another one of it does nothing. Nothing that is not ours
 * loses its last name on the way. */
static int bring_back(int dir_fd, const char *group, const char *suffix, int kept_fd, const char *kept, struct err *err)
{
	char name[NAME_MAX + 1], way[NAME_MAX + 1];

	if (record_name(name, group, suffix, "", err) < 0 || record_name(way, group, suffix, ".back.new", err) < 0)
		return -1;
	if (fs_unlink(dir_fd, way) < 0 && errno != ENOENT)
		return err_sys(err, "removing '%s'", way);
	if (fs_link(kept_fd, kept, dir_fd, way) < 0) {
		if (errno != ENOENT)
			return err_sys(err, "bringing '%s' back", name);
		return fs_unlink(dir_fd, name) < 0 && errno != ENOENT ? err_sys(err, "removing '%s'", name) : 0;
	}
	if (fs_rename(dir_fd, way, dir_fd, name) < 0)
		return err_sys(err, "renaming '%s'", way);
	return fs_unlink(dir_fd, way) < 0 && errno != ENOENT ? err_sys(err, "removing '%s'", way) : 0;
}

int records_bring_back(int dir_fd, const char *group, int kept_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (bring_back(dir_fd, group, suffixes[i], kept_fd, kept_names[i], err) < 0)
			return -1;
	return 0;
}

int records_drop_kept(int kept_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (fs_unlink(kept_fd, kept_names[i]) < 0 && errno != ENOENT)
			return err_sys(err, "removing '%s'", kept_names[i]);
	return 0;
}

/* The manifest */

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

bool records_need_second_look(const struct plan *plan)
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
		e->ctime_ns = fs_nanoseconds(
			&st.st_ctim); /* size and mtime stay those of the bundle: written to since? */
}

/* Does the bundle have an entry of TYPE for N, installed now or held off by an edited one? */
static bool brings(const struct plan *p, const struct plan_node *n, enum tree_type type)
{
	return (n->want == PLAN_WANT_FILE || n->want == PLAN_WANT_LINK || n->want == PLAN_WANT_EDITED) &&
	       p->in.tree->entries[n->source].type == type;
}

static int add_entry(struct manifest_pass *m, uint32_t node, struct err *err)
{
	const struct plan_node *n = &m->p->nodes[node];
	struct manifest_entry e = { .parent = node ? m->index[n->parent] - 1 : 0, .type = TREE_DIRECTORY };
	AUTO_FREE char *acl = NULL;
	const char *text = NULL, *context = NULL;

	m->index[node] = ++m->count;
	if (plan_is_wanted(n)) {
		struct plan_attributes want;

		plan_attributes(m->p, node, &want);
		e.flags = MANIFEST_OURS;
		e.mode = (uint16_t)want.mode;
		e.uid = want.uid;
		e.gid = want.gid;
		e.mtime_ns = want.mtime_ns;
		if ((want.attr && want.attr->acl) || *want.inherited)
			acl = xasprintf("%s%s%s", want.attr && want.attr->acl ? want.attr->acl : "",
					*want.inherited ? "|" : "", want.inherited);
		if (want.attr)
			context = want.attr->context;
	}
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

int records_write_manifest(const struct plan *plan, const struct arrangement *a,
			   const struct staged_identity *identities, bool moved, int dir_fd, const char *name,
			   struct err *err)
{
	struct manifest_pass m = {
		.p = plan,
		.a = a,
		.identities = identities,
		.digests = plan->in.digests,
		.moved = moved,
		.dir_fd = -1,
	};

	if (fs_unlink(dir_fd, name) < 0 && errno != ENOENT)
		return err_sys(err, "removing '%s'", name);
	if (manifest_create(dir_fd, name, &m.writer, err) < 0)
		return -1;
	m.index = xcalloc(plan->count, sizeof(*m.index));
	mark_wanted(&m);

	int r = add_entries(&m, err);

	free(m.index);
	auto_closep(&m.dir_fd);
	manifest_writer_free(m.writer);
	return r;
}
