/* installer/records.c - what a CodeDeploy agent would have left. */
#include "installer/records.h"

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
