/* lifecycle/host_hooks.c - see host_hooks.h. */
#include "lifecycle/host_hooks.h"

#include "config/trust.h"
#include "format/plain.h"
#include "lifecycle/hook_language.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define DIGITS	   "0123456789"

static const char *const left_behind[] = { ".bak",	".orig",     ".rej",	  ".swp",     ".dpkg-old", ".dpkg-dist",
					   ".dpkg-new", ".dpkg-tmp", ".ucf-dist", ".ucf-old", ".rpmnew",   ".rpmsave" };

enum host_hook_place host_hook_place(const char *name)
{
	if (strspn(name, DIGITS) != 2 || name[2] != '-' || !name[3] || name[3 + strspn(name + 3, NAME_BYTES)])
		return HOST_HOOK_NONE;
	for (size_t i = 0; i < ARRAY_LEN(left_behind); i++)
		if (str_ends(name, left_behind[i]))
			return HOST_HOOK_NONE;
	return name[0] < '5' ? HOST_HOOK_BEFORE : HOST_HOOK_AFTER;
}

void host_hooks_done(struct host_hooks *h)
{
	arena_free(h->arena);
	*h = (struct host_hooks){ 0 };
}

static void blame(struct findings *f, const char *path, const char *what, const char *cure)
{
	AUTO_FREE char *shown = plain_path(path);
	AUTO_FREE char *word = plain_shell_word(path);

	findings_add(f, FINDING_ERROR, (struct appspec_place){ 0 }, "'%s' %s: %s%s", shown, what, cure,
		     str_ends(cure, " ") ? word : "");
}

static void blame_errno(struct findings *f, const char *path, int error)
{
	AUTO_FREE char *what = xasprintf("cannot be looked at (%s)", strerrordesc_np(error));

	blame(f, path, what, "the agent must be able to read it");
}

/* 0: it may be used. */
static int check(struct findings *f, const char *path, const struct stat *st, bool folder)
{
	AUTO_FREE char *refusal = NULL;

	if (S_ISLNK(st->st_mode))
		blame(f, path, "is a link, and who owns what it leads to is not looked at",
		      "put the thing itself there");
	else if (folder && !S_ISDIR(st->st_mode))
		blame(f, path, "is no folder", "move it away");
	else if (!folder && !S_ISREG(st->st_mode))
		blame(f, path, "is no file", "move it away");
	else if ((refusal = trust_refusal(path, st, geteuid())))
		findings_add(f, FINDING_ERROR, (struct appspec_place){ 0 }, "%s", refusal);
	else
		return 0;
	return -1;
}

/* A folder that is not there is fine: no descriptor, and nothing found. What is looked at is what was opened. */
static int open_folder(int at, const char *name, int flags, const char *path, struct findings *f)
{
	AUTO_FD int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	int error = errno;
	struct stat st;

	if (fd < 0 && error == ENOENT) {
		if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0) /* somebody wants hooks to be run */
			blame(f, path, "is a link that leads to nothing", "let it lead to the folder, or remove it");
		return -1;
	}
	if ((fd < 0 ? fstatat(at, name, &st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) : fstat(fd, &st)) < 0) {
		blame_errno(f, path, errno);
		return -1;
	}
	if (check(f, path, &st, true) < 0)
		return -1;
	if (fd < 0)
		blame_errno(f, path, error);
	return TAKE_FD(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct appspec_script *)a)->location, ((const struct appspec_script *)b)->location);
}

/* Of one event, in its folder. */
struct search {
	DIR *dir;
	const char *folder, *event;
	unsigned timeout_s;
	struct host_hooks *found;
	struct findings *findings;
};

static void add(const struct search *s, const char *path, const char *name)
{
	struct host_hooks *h = s->found;

	h->before += host_hook_place(name) == HOST_HOOK_BEFORE;
	h->scripts[h->count++] = (struct appspec_script){
		.location = arena_printf(h->arena, HOST_HOOKS_SHOWN "%s/%s", s->event, name),
		.path = arena_strdup(h->arena, path),
		.timeout_s = (int)s->timeout_s,
	};
}

static void look_at(const struct search *s, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", s->folder, name);
	struct stat st;

	if (host_hook_place(name) == HOST_HOOK_NONE) {
		AUTO_FREE char *shown = plain_path(path);

		findings_add(s->findings, FINDING_WARNING, (struct appspec_place){ 0 },
			     "'%s' is ignored: hooks of the host are called NN-NAME, with two digits", shown);
		return;
	}
	if (fstatat(dirfd(s->dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		blame_errno(s->findings, path, errno);
	else if (check(s->findings, path, &st, false) < 0)
		return;
	else if (!hook_is_lua(path) && faccessat(dirfd(s->dir), name, X_OK, AT_EACCESS) < 0)
		blame(s->findings, path, "is not executable", "chmod +x ");
	else if (s->found->count == HOST_HOOKS_MAX)
		blame(s->findings, s->folder, "has more than 100 scripts", "let some of them call the others");
	else
		add(s, path, name);
}

static void list(const struct search *s)
{
	struct host_hooks *h = s->found;
	const struct dirent *e;

	h->arena = arena_new();
	h->scripts = arena_alloc(h->arena, HOST_HOOKS_MAX * sizeof(*h->scripts));
	errno = 0;
	while ((e = readdir(s->dir))) {
		if (e->d_name[0] != '.')
			look_at(s, e->d_name);
		errno = 0;
	}
	if (errno)
		blame_errno(s->findings, s->folder, errno);
	qsort(h->scripts, h->count, sizeof(*h->scripts), by_name);
}

static void find(const struct settings *s, const char *event, struct host_hooks *out, struct findings *f)
{
	AUTO_FD int top = open_folder(AT_FDCWD, s->hooks_dir, 0, s->hooks_dir, f);
	AUTO_FREE char *folder = xasprintf("%s/%s", s->hooks_dir, event);
	int fd = top < 0 ? -1 : open_folder(top, event, O_NOFOLLOW, folder, f);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		list(&(struct search){ dir, folder, event, s->hooks_timeout_s, out, f });
}

/* Events are named by appspecs and requests: none leads elsewhere. */
static bool names_a_folder(const char *event)
{
	return *event && *event != '.' && !strchr(event, '/');
}

static int refuse(const struct findings *f, struct err *err)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->items[i].level == FINDING_ERROR)
			return err_set(err, ERR_CONFIG, "hooks of the host: %s", f->items[i].message);
	return 0;
}

int host_hooks_find(const struct settings *s, const char *event, struct host_hooks *out, struct findings *findings,
		    struct err *err)
{
	*out = (struct host_hooks){ 0 };
	if (!s->hooks_dir || !names_a_folder(event))
		return 0;
	find(s, event, out, findings);
	if (!findings->errors)
		return 0;
	host_hooks_done(out);
	return refuse(findings, err);
}

int host_hooks_check(const struct settings *s, const char *const *order, struct findings *findings, struct err *err)
{
	AUTO_FD int top = s->hooks_dir ? open_folder(AT_FDCWD, s->hooks_dir, 0, s->hooks_dir, findings) : -1;

	for (; top >= 0 && *order; order++) {
		AUTO(host_hooks_done) struct host_hooks h = { 0 };

		if (names_a_folder(*order))
			find(s, *order, &h, findings);
	}
	return refuse(findings, err);
}
