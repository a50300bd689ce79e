/* installer/label.c - semanage and restorecon. */
#include "installer/label.h"

#include "installer/context_rule.h"
#include "script/run_command.h"
#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define TIMEOUT_MS   (10 * 60 * 1000)
#define OUTPUT_MAX   (64 * 1024)
#define LISTING_MAX  (16 * 1024 * 1024) /* of the host's own rules; cut, it makes the import fail */
#define MAX_WORDS    12			/* semanage fcontext -a -s USER -t TYPE -r RANGE SPEC */
#define MAX_PATHS    100		/* for one restorecon: far below what the kernel takes */
#define SYSTEM_PATH  "/usr/sbin:/sbin:/usr/bin:/bin"
#define SELINUX_FILE "/sys/fs/selinux/enforce"

struct tools {
	char *semanage, *restorecon;
};

static void tools_done(struct tools *t)
{
	free(t->semanage);
	free(t->restorecon);
}

static char *find_in(const char *folders, const char *name)
{
	for (const char *at = folders; *at;) {
		size_t len = strcspn(at, ":");
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, at, name);

		if (*path == '/' && access(path, X_OK) == 0)
			return TAKE_PTR(path);
		at += len + (at[len] == ':');
	}
	return NULL;
}

/* As the reference finds them; but a cron job's PATH, say, has no /usr/sbin. */
static char *find_tool(const char *name)
{
	const char *folders = getenv("PATH");
	char *found = find_in(folders ? folders : "", name);

	return found ? found : find_in(SYSTEM_PATH, name);
}

static int find_tools(struct tools *t, struct err *err)
{
	t->semanage = find_tool("semanage");
	t->restorecon = find_tool("restorecon");
	if (t->semanage && t->restorecon)
		return 0;

	const char *missing = t->semanage ? "restorecon" : "semanage";

	if (access(SELINUX_FILE, F_OK) < 0)
		return err_set(err, ERR_NOT_READY,
			       "SELinux is not enabled on this host and there is no %s; remove 'context', or deploy "
			       "this revision to hosts with SELinux",
			       missing);
	return err_set(err, ERR_NOT_READY, "there is no %s on this host; install policycoreutils%s", missing,
		       t->semanage ? "" : "-python-utils");
}

int label_check_tools(struct err *err)
{
	AUTO(tools_done) struct tools t = { 0 };

	return find_tools(&t, err);
}

/* Of what a tool prints, the last line says what was wrong. */
static char *last_line(const struct str *text)
{
	AUTO_FREE char *copy = xstrdup(str_text(text));
	struct str out = STR_INIT(300);
	size_t len = strlen(copy);

	while (len && strchr("\n\r ", copy[len - 1]))
		copy[--len] = '\0';

	const char *line = strrchr(copy, '\n');

	line = line ? line + 1 : copy;
	(void)str_append_printable(&out, line, strnlen(line, 250)); /* what does not fit is left out */
	return str_take(&out);
}

/* 1: it ended well; 0: it did not, and WHY tells so in the words of the reference; -1: it could not be run. INPUT,
 * OUTPUT and WHY may be NULL. */
static int run(const char *const *argv, const struct str *input, struct str *output, struct err *why, struct err *err)
{
	AUTO(str_done) struct str unheard = STR_INIT(OUTPUT_MAX);
	AUTO(str_done) struct str error = STR_INIT(OUTPUT_MAX);
	AUTO(str_done) struct str words = STR_INIT(400);
	const struct run_command c = {
		.argv = argv,
		.input = input ? str_text(input) : NULL,
		.input_len = input ? input->len : 0,
		.timeout_ms = TIMEOUT_MS,
	};
	int status;

	if (run_command(&c, &status, output ? output : &unheard, &error, err) < 0)
		return -1;
	if (!status || !why)
		return !status;
	(void)str_add(&words, strrchr(argv[0], '/') + 1);
	for (size_t i = 1; argv[i]; i++)
		(void)str_printf(&words, " %s", argv[i]); /* a path that is too long is left out */

	AUTO_FREE char *said = last_line(&error);

	(void)err_set(why, ERR_APPSPEC,
		      "The deployment failed because the application specification file contains an error in the "
		      "settings for the context parameter. Update the permissions section of the AppSpec file, and "
		      "then try again. Failed command: %s. Exit code: %d%s%s",
		      str_text(&words), status, *said ? ": " : "", said);
	return 0;
}

/* Rules */

/* Cut LINE at its blanks, behind the tool's name. */
static void split(const char *tool, char *line, const char *argv[MAX_WORDS])
{
	size_t n = 0;

	argv[n++] = tool;
	for (char *word; n < MAX_WORDS - 1 && (word = strsep(&line, " "));)
		argv[n++] = word;
	argv[n] = NULL;
}

/* A rule that is not there need not be removed, and one that is there already (made by hand, or by a run that was
 * interrupted) is given the new content. */
static int run_line(const char *tool, const char *line, struct err *err)
{
	AUTO_FREE char *words = xstrdup(line);
	const char *argv[MAX_WORDS];
	struct err why = ERR_INIT;

	split(tool, words, argv);

	bool adds = !strcmp(argv[2], "-a");
	int r = run(argv, NULL, NULL, &why, err);

	if (r || !adds)
		return r < 0 ? -1 : 0;
	argv[2] = "-m";
	r = run(argv, NULL, NULL, NULL, err);
	if (r == 0)
		*err = why;
	return r > 0 ? 0 : -1;
}

static int set_rule(const char *tool, const struct step_label *l, bool back, struct err *err)
{
	AUTO_FREE char *lines = context_lines(l, back);
	char *rest = lines;

	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && run_line(tool, line, err) < 0)
			return l->line && !back ? err_add(err, "line %u of the appspec", l->line) : -1;
	return 0;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s > 0x7f)
			return false;
	return true;
}

/* Is there a rule for SPEC in what `semanage fcontext -E` has listed? */
static bool is_listed(const struct str *listing, const char *spec)
{
	AUTO_FREE char *quoted = xasprintf("'%s'\n", spec);

	return strstr(str_text(listing), quoted);
}

/* The lines of one label as an import takes them: whatever has a rule loses it first, and nothing else may. */
static void add_lines(const struct str *listing, char *lines, struct str *out)
{
	size_t start = out->len;

	for (char *line; (line = strsep(&lines, "\n"));) {
		if (!*line)
			continue;

		const char *spec = strrchr(line, ' ') + 1;
		AUTO_FREE char *removal = xasprintf("fcontext -d %s\n", spec);

		if (is_listed(listing, spec) && !strstr(str_text(out) + start, removal))
			(void)str_add(out, removal); /* memory only */
		if (str_starts(line, "fcontext -a "))
			(void)str_printf(out, "%s\n", line);
	}
}

/* 1: all rules are set; 0: none, they must be set one by one. semanage cuts its input at whatever Unicode calls a
 * blank, so only ASCII is given to it. */
static int import(const struct tools *t, const struct steps *s, bool back, struct err *err)
{
	AUTO(str_done) struct str listing = STR_INIT(LISTING_MAX);
	AUTO(str_done) struct str all = STR_INIT(SIZE_MAX / 2);
	const char *const list[] = { t->semanage, "fcontext", "-E", NULL };
	const char *const argv[] = { t->semanage, "import", NULL };
	size_t changes = 0;

	for (size_t i = 0; i < s->label_count; i++) {
		AUTO_FREE char *lines = context_lines(&s->labels[i], back);

		changes += *lines != '\0';
		if (!is_ascii(lines))
			return 0;
	}
	if (changes < 2)
		return 0;

	int r = run(list, NULL, &listing, NULL, err);

	for (size_t i = 0; r > 0 && i < s->label_count; i++) {
		AUTO_FREE char *lines = context_lines(&s->labels[i], back);

		add_lines(&listing, lines, &all);
	}
	return r <= 0 ? r : all.len ? run(argv, &all, NULL, NULL, err) : 1;
}

/* The first label with a rule that no label before it has. */
static bool is_first(const struct steps *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(s->labels[k].after, s->labels[i].after))
			return false;
	return true;
}

/* One of each kind comes first: what is wrong with a rule seldom lies in its path, and a semanage takes its time. */
static int set_one_by_one(const struct tools *t, const struct steps *s, bool back, struct err *err)
{
	for (int first = 1; first >= 0; first--)
		for (size_t i = 0; i < s->label_count; i++)
			if (is_first(s, i) == first && set_rule(t->semanage, &s->labels[i], back, err) < 0)
				return -1;
	return 0;
}

static int set_rules(const struct tools *t, const struct steps *s, bool back, struct err *err)
{
	int done = import(t, s, back, err);

	return done ? (done < 0 ? -1 : 0) : set_one_by_one(t, s, back, err);
}

/* Labels */

static int relabel(const struct tools *t, const struct step_label *const *labels, size_t count, bool force,
		   struct err *why, struct err *err)
{
	const char *argv[MAX_PATHS + 4] = { t->restorecon, "-v" };
	size_t n = 2;

	if (force)
		argv[n++] = "-F";
	for (size_t i = 0; i < count; i++)
		argv[n++] = labels[i]->path;
	argv[n] = NULL;
	return run(argv, NULL, NULL, why, err);
}

/* All at once; if that fails, one by one, to tell which of them it is. */
static int relabel_some(const struct tools *t, const struct step_label *const *labels, size_t count, bool force,
			struct err *err)
{
	int r = count > 1 ? relabel(t, labels, count, force, NULL, err) : 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct err why = ERR_INIT;
		int one = relabel(t, &labels[i], 1, force, &why, err);

		if (one > 0)
			continue;
		if (one == 0)
			*err = why;
		return labels[i]->line ? err_add(err, "line %u of the appspec", labels[i]->line) : -1;
	}
	return r < 0 ? -1 : 0;
}

static bool wants_label(const struct step_label *l, bool back, bool force)
{
	struct stat st;

	if (!(l->flags & (back ? LABEL_BACK : LABEL_FORTH)))
		return false;
	if (force != (context_needs_force(l->before) || context_needs_force(l->after)))
		return false;
	return !back || lstat(l->path, &st) == 0; /* a hook may have removed it */
}

static int set_labels(const struct tools *t, const struct steps *s, bool back, struct err *err)
{
	for (int force = 0; force < 2; force++) {
		const struct step_label *some[MAX_PATHS];
		size_t count = 0;

		for (size_t i = 0; i < s->label_count; i++) {
			if (wants_label(&s->labels[i], back, force))
				some[count++] = &s->labels[i];
			if (count == MAX_PATHS || (count && i + 1 == s->label_count)) {
				if (relabel_some(t, some, count, force, err) < 0)
					return -1;
				count = 0;
			}
		}
	}
	return 0;
}

static int carry_out(const struct steps *s, bool back, struct err *err)
{
	AUTO(tools_done) struct tools t = { 0 };

	if (!s->label_count)
		return 0;
	if (find_tools(&t, err) < 0 || set_rules(&t, s, back, err) < 0)
		return -1;
	return set_labels(&t, s, back, err);
}

int label_redo(const struct steps *s, struct err *err)
{
	return carry_out(s, false, err);
}

int label_undo(const struct steps *s, struct err *err)
{
	return carry_out(s, true, err);
}
