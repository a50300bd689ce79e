/* worker/policy_ask.c - a conflict in the words of a script, and back. */
#include "worker/policy_ask.h"

#include "format/json.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct policy_asker {
	const struct revision_files *files;
	const struct deployment *deployment;
	struct zygote *zygote;
	struct policy_process *process;
	const char *scripts[POLICY_SCRIPTS]; /* several rules may name one */
	unsigned numbers[POLICY_SCRIPTS];
	size_t count;
};

int policy_read(int dir_fd, const char *path, struct str *out, struct stat *st, struct err *err)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	AUTO_FD int fd = dir_fd == AT_FDCWD ? open(path, flags) : fs_open_beneath(dir_fd, path, flags, 0);
	char piece[4096];
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, st) < 0)
		return err_sys(err, "opening '%s'", path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_SCRIPT_FAILED, "'%s' is not a file", path);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		if (str_append(out, piece, (size_t)n) < 0)
			return err_set(err, ERR_SCRIPT_FAILED, "'%s' is larger than %zu bytes", path, out->max);
	return n < 0 ? err_sys(err, "reading '%s'", path) : 1;
}

static const char *name_of(const struct appspec_overwrite *rule)
{
	return rule->policy + strspn(rule->policy, "/");
}

static int load(struct policy_asker *a, const char *name, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(POLICY_MAX_SOURCE);
	struct stat st;
	int found = policy_read(a->files->archive_fd, name, &text, &st, err);

	if (found <= 0)
		return found < 0 ? -1
				 : err_set(err, ERR_SCRIPT_MISSING,
					   "the policy does not exist at its location: %s/%s. Add it to the bundle, or "
					   "correct the rule",
					   a->files->archive_path, name);
	if (a->count == POLICY_SCRIPTS)
		return err_set(err, ERR_APPSPEC, "%s: an appspec can name %d policies: let one speak of several paths",
			       name, POLICY_SCRIPTS);
	if (!a->process && policy_process_start(a->zygote, &a->process, err) < 0)
		return -1;
	if (policy_process_load(a->process, name, str_text(&text), text.len, &a->numbers[a->count], err) < 0)
		return -1;
	a->scripts[a->count++] = name;
	return 0;
}

/* -1: it is not loaded. */
static int index_of(const struct policy_asker *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (!strcmp(a->scripts[i], name))
			return (int)i;
	return -1;
}

static int ready(void *context, const struct appspec_overwrite *rule, struct err *err)
{
	struct policy_asker *a = context;

	return index_of(a, name_of(rule)) >= 0 ? 0 : load(a, name_of(rule), err);
}

static json_t *digest_text(const unsigned char *digest)
{
	char hex[DIGEST_HEX_SIZE];

	if (!digest)
		return json_null();
	digest_hex(digest, hex);

	AUTO_FREE char *text = xasprintf("sha256:%s", hex);

	return json_string(text);
}

static json_t *mode_text(mode_t mode)
{
	char text[8];

	(void)snprintf(text, sizeof(text), "%04o", mode & 07777U);
	return json_string(text);
}

/* As slipway.fs.stat tells it to hooks. */
static json_t *exists_json(const struct plan_question *q)
{
	static const char *const kinds[] = { NULL, "directory", "file", "link", "other" };
	const struct disk_entry *e = &q->exists;
	const struct passwd *owner = getpwuid(e->uid);
	const struct group *group = getgrgid(e->gid);

	return json_pack("{s:s?, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:b, s:b}", "type", kinds[e->kind], "size",
			 (json_int_t)e->size, "mode", mode_text(e->mode), "uid", (json_int_t)e->uid, "gid",
			 (json_int_t)e->gid, "owner", owner ? jbytes(owner->pw_name) : json_null(), "group",
			 group ? jbytes(group->gr_name) : json_null(), "digest", digest_text(q->exists_digest), "ours",
			 q->ours, "edited", q->ours);
}

static json_t *comes_json(const struct plan_question *q)
{
	return json_pack("{s:s, s:I, s:o, s:o}", "type", q->comes->type == TREE_LINK ? "link" : "file", "size",
			 (json_int_t)q->comes->size, "mode", mode_text(q->comes->mode), "digest",
			 digest_text(q->comes_digest));
}

static json_t *question_json(const struct policy_asker *a, const struct plan_question *q)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:i}}", "path", jbytes(q->path), "application",
			 jbytes(a->deployment->application), "group", jbytes(a->deployment->group), "exists",
			 exists_json(q), "comes", comes_json(q), "rule", "line", (int)q->rule->place.line);
}

static int wrong_answer(const struct policy_answer_values *v, struct err *err)
{
	const json_t *answer = json_array_get(v->values, 0);
	const char *text = json_string_value(answer), *type = json_string_value(json_object_get(answer, "type"));
	AUTO_FREE char *number = json_is_number(answer) || json_is_boolean(answer) ? json_dumps(answer, JSON_ENCODE_ANY)
										   : NULL;

	return err_set(err, ERR_SCRIPT_FAILED,
		       "%s: answered %s%.40s%s, not 'overwrite', 'retain', 'disallow' or 'backup'", v->where,
		       text   ? "'"
		       : type ? "a "
			      : "",
		       text	? text
		       : type	? type
		       : number ? number
				: "nothing",
		       text ? "'" : "");
}

static int ask(void *context, const struct plan_question *q, enum policy_answer *out, struct err *err)
{
	struct policy_asker *a = context;
	int i = index_of(a, name_of(q->rule));
	struct policy_answer_values v;

	if (i < 0) /* ready() has failed for it */
		return err_set(err, ERR_SCRIPT_FAILED, "%s cannot be asked", name_of(q->rule));
	if (policy_process_ask(a->process, a->numbers[i], question_json(a, q), &v, err) < 0)
		return policy_process_is_over(a->process) ? -2 : -1;

	const char *answer = json_string_value(json_array_get(v.values, 0));
	int r = answer && policy_answer_from_name(answer, out) == 0 ? 0 : wrong_answer(&v, err);

	json_decref(v.values);
	return r;
}

struct policy_asker *policy_asker_new(const struct revision_files *r, const struct deployment *d, struct zygote *z,
				      struct plan_asker *asker)
{
	struct policy_asker *a = xcalloc(1, sizeof(*a));

	*a = (struct policy_asker){ .files = r, .deployment = d, .zygote = z };
	*asker = (struct plan_asker){ ready, ask, a };
	return a;
}

void policy_asker_free(struct policy_asker *a)
{
	if (!a)
		return;
	policy_process_free(a->process);
	free(a);
}
