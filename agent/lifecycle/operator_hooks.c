/* lifecycle/operator_hooks.c - see operator_hooks.h. */
#include "lifecycle/operator_hooks.h"

#include "format/plain.h"
#include "lifecycle/hook_language.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define DIGITS	   "0123456789"

static const char *const left_behind[] = { ".bak",	".orig",     ".rej",	  ".swp",     ".dpkg-old", ".dpkg-dist",
					   ".dpkg-new", ".dpkg-tmp", ".ucf-dist", ".ucf-old", ".rpmnew",   ".rpmsave" };

enum operator_hook_place operator_hook_place(const char *name)
{
	if (strspn(name, DIGITS) != 2 || name[2] != '-' || !name[3] || name[3 + strspn(name + 3, NAME_BYTES)])
		return OPERATOR_HOOK_NONE;
	for (size_t i = 0; i < ARRAY_LEN(left_behind); i++)
		if (str_ends(name, left_behind[i]))
			return OPERATOR_HOOK_NONE;
	return name[0] < '5' ? OPERATOR_HOOK_BEFORE : OPERATOR_HOOK_AFTER;
}

enum operator_trust operator_trust(const struct stat *st, bool folder, uid_t uid)
{
	if (S_ISLNK(st->st_mode))
		return OPERATOR_IS_LINK;
	if (folder && !S_ISDIR(st->st_mode))
		return OPERATOR_IS_NO_FOLDER;
	if (!folder && !S_ISREG(st->st_mode))
		return OPERATOR_IS_NO_FILE;
	if (st->st_uid != 0 && st->st_uid != uid)
		return OPERATOR_IS_ANOTHERS;
	return st->st_mode & 0022 ? OPERATOR_IS_WRITABLE : OPERATOR_TRUSTED;
}

void operator_hooks_done(struct operator_hooks *h)
{
	arena_free(h->arena);
	*h = (struct operator_hooks){ 0 };
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
	AUTO_FREE char *owner = xasprintf("belongs to user %u, who could have it do anything as the agent's user",
					  (unsigned)st->st_uid);
	AUTO_FREE char *mode = xasprintf("has mode %04o, so others may write to it", st->st_mode & 07777);

	switch (operator_trust(st, folder, geteuid())) {
	case OPERATOR_TRUSTED:
		return 0;
	case OPERATOR_IS_LINK:
		blame(f, path, "is a link, and who owns what it leads to is not looked at",
		      "put the thing itself there");
		break;
	case OPERATOR_IS_NO_FOLDER:
		blame(f, path, "is no folder", "move it away");
		break;
	case OPERATOR_IS_NO_FILE:
		blame(f, path, "is no file", "move it away");
		break;
	case OPERATOR_IS_ANOTHERS:
		blame(f, path, owner, "chown root ");
		break;
	case OPERATOR_IS_WRITABLE:
		blame(f, path, mode, "chmod go-w ");
		break;
	}
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

static void add(struct operator_hooks *h, const char *path, const char *event, const char *name, unsigned timeout_s)
{
	h->before += operator_hook_place(name) == OPERATOR_HOOK_BEFORE;
	h->scripts[h->count++] = (struct appspec_script){
		.location = arena_printf(h->arena, OPERATOR_HOOKS_SHOWN "%s/%s", event, name),
		.path = arena_strdup(h->arena, path),
		.timeout_s = (int)timeout_s,
	};
}

static void look_at(int fd, const char *folder, const char *event, const char *name, unsigned timeout_s,
		    struct operator_hooks *h, struct findings *f)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
	struct stat st;

	if (operator_hook_place(name) == OPERATOR_HOOK_NONE) {
		AUTO_FREE char *shown = plain_path(path);

		findings_add(f, FINDING_WARNING, (struct appspec_place){ 0 },
			     "'%s' is ignored: hooks of the host are called NN-NAME, with two digits", shown);
		return;
	}
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		blame_errno(f, path, errno);
	else if (check(f, path, &st, false) < 0)
		return;
	else if (!hook_is_lua(path) && faccessat(fd, name, X_OK, AT_EACCESS) < 0)
		blame(f, path, "is not executable", "chmod +x ");
	else if (h->count == OPERATOR_HOOKS_MAX)
		blame(f, folder, "has more than 100 scripts", "let some of them call the others");
	else
		add(h, path, event, name, timeout_s);
}

static void list(DIR *dir, const char *folder, const char *event, unsigned timeout_s, struct operator_hooks *h,
		 struct findings *f)
{
	const struct dirent *e;

	h->arena = arena_new();
	h->scripts = arena_alloc(h->arena, OPERATOR_HOOKS_MAX * sizeof(*h->scripts));
	errno = 0;
	while ((e = readdir(dir))) {
		if (e->d_name[0] != '.')
			look_at(dirfd(dir), folder, event, e->d_name, timeout_s, h, f);
		errno = 0;
	}
	if (errno)
		blame_errno(f, folder, errno);
	qsort(h->scripts, h->count, sizeof(*h->scripts), by_name);
}

static void find(const struct settings *s, const char *event, struct operator_hooks *out, struct findings *f)
{
	AUTO_FD int top = open_folder(AT_FDCWD, s->hooks_dir, 0, s->hooks_dir, f);
	AUTO_FREE char *folder = xasprintf("%s/%s", s->hooks_dir, event);
	int fd = top < 0 ? -1 : open_folder(top, event, O_NOFOLLOW, folder, f);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		list(dir, folder, event, s->hooks_timeout_s, out, f);
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

int operator_hooks_find(const struct settings *s, const char *event, struct operator_hooks *out,
			struct findings *findings, struct err *err)
{
	*out = (struct operator_hooks){ 0 };
	if (!s->hooks_dir || !names_a_folder(event))
		return 0;
	find(s, event, out, findings);
	if (!findings->errors)
		return 0;
	operator_hooks_done(out);
	return refuse(findings, err);
}

int operator_hooks_check(const struct settings *s, const char *const *order, struct findings *findings, struct err *err)
{
	AUTO_FD int top = s->hooks_dir ? open_folder(AT_FDCWD, s->hooks_dir, 0, s->hooks_dir, findings) : -1;

	for (; top >= 0 && *order; order++) {
		AUTO(operator_hooks_done) struct operator_hooks h = { 0 };

		if (names_a_folder(*order))
			find(s, *order, &h, findings);
	}
	return refuse(findings, err);
}
