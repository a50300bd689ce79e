/* tests/crash/scenario.c - small trees on the disk, and how they look afterwards. */
#include "scenario.h"

#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_(p, t)                                                                                                    \
	{                                                                                                              \
		p, ITEM_FILE, t, 0                                                                                     \
	}
#define MODE_(p, t, m)                                                                                                 \
	{                                                                                                              \
		p, ITEM_FILE, t, m                                                                                     \
	}
#define FOLDER_(p)                                                                                                     \
	{                                                                                                              \
		p, ITEM_FOLDER, NULL, 0                                                                                \
	}
#define LINK_(p, t)                                                                                                    \
	{                                                                                                              \
		p, ITEM_LINK, t, 0                                                                                     \
	}
#define END_                                                                                                           \
	{                                                                                                              \
		NULL, ITEM_FILE, NULL, 0                                                                               \
	}

static const struct item nothing[] = { END_ };
static const struct item user_file[] = { FILE_("mine.txt", "the user's"), END_ };

static const struct item first_revision[] = {
	FILE_("index.html", "one"),
	MODE_("bin/run", "#!/bin/sh\n", 0755),
	FILE_("lib/a", "a1"),
	FILE_("lib/b", "b1"),
	FILE_("lib/deep/er/c", "c1"),
	FILE_("same", "same"),
	LINK_("current", "lib/a"),
	FOLDER_("empty"),
	END_,
};
static const struct item second_revision[] = {
	FILE_("index.html", "two"),   MODE_("bin/run", "#!/bin/sh\nexit\n", 0755),
	FILE_("lib/a", "a2, longer"), FILE_("lib/new", "new"),
	FILE_("more/x", "x"),	      FILE_("more/y/z", "z"),
	FILE_("same", "same"),	      LINK_("current", "lib/new"),
	FILE_("odd\nname ", "odd"),   END_,
};
static const struct item small_revision[] = { FILE_("index.html", "three"), END_ };

static const struct item retain_seed[] = {
	FILE_("dest/settings.conf", "the user's settings"),
	FILE_("dest/lib/local", "the user's"),
	LINK_("dest/link", "settings.conf"),
	END_,
};
static const struct item retain_revision[] = {
	FILE_("settings.conf", "our settings"),
	FILE_("lib/local", "ours"),
	FILE_("lib/other", "other"),
	FILE_("link", "file"),
	END_,
};
static const struct item overwrite_seed[] = {
	FILE_("dest/index.html", "the user's page"),
	FILE_("dest/lib/a", "the user's a"),
	LINK_("dest/same", "nowhere"),
	END_,
};

/* policy_stand_in.h answers for the script. */
static const char asking[] = "slipway:\n"
			     "  overwrite:\n"
			     "    - path: \"@WORLD@/dest/**\"\n"
			     "      policy: web/policy.lua\n";
static const struct item backup_seed[] = {
	FILE_("dest/index.html", "the user's page"),
	FILE_("dest/lib/a", "the user's a"),
	LINK_("dest/link", "index.html"),
	END_,
};
static const struct item backup_revision[] = {
	FILE_("index.html", "ours"), FILE_("lib/a", "ours"),	FILE_("lib/b", "b"),
	FILE_("link", "no link"),    FILE_("policy.lua", "--"), END_,
};

static const struct item file_there[] = { FILE_("thing", "a file"), FILE_("other", "o"), END_ };
static const struct item folder_there[] = {
	FILE_("thing/one", "1"), FILE_("thing/two/three", "3"), FOLDER_("thing/none"), FILE_("other", "o2"), END_,
};

static const char permissions[] = "permissions:\n"
				  "  - object: @WORLD@/dest\n"
				  "    pattern: \"**\"\n"
				  "    type: [directory]\n"
				  "    mode: 750\n"
				  "  - object: @WORLD@/dest\n"
				  "    pattern: \"*\"\n"
				  "    type: [file]\n"
				  "    mode: 640\n";

const struct scenario scenarios[] = {
	{ "first install", user_file, NULL, "", first_revision, "" },
	{ "upgrade", user_file, first_revision, "", second_revision, "" },
	{ "shrink", user_file, first_revision, "", small_revision, "" },
	{ "RETAIN", retain_seed, small_revision, "", retain_revision, "file_exists_behavior: RETAIN\n" },
	{ "OVERWRITE", overwrite_seed, NULL, "", first_revision, "file_exists_behavior: OVERWRITE\n" },
	{ "backup", backup_seed, file_there, "", backup_revision, asking },
	{ "file to folder", nothing, file_there, "", folder_there, "" },
	{ "folder to file", nothing, folder_there, "", file_there, "" },
	{ "new permissions", user_file, first_revision, "", first_revision, permissions },
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

static void must(int r, const char *what, const char *path)
{
	if (r < 0) {
		(void)fprintf(stderr, "scenario: %s ", what);
		perror(path);
		abort();
	}
}

static void make_parents(const char *path)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(copy, 0755); /* mostly there */
		*slash = '/';
	}
}

static void write_text(const char *path, const char *text, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct timespec when[2] = { { 1700000000, 123456789 }, { 1700000000, 123456789 } };

	must(fd, "creating", path);
	must((int)write(fd, text, strlen(text)), "writing", path);
	must(fchmod(fd, mode ? mode : 0644), "chmod", path);
	must(futimens(fd, when), "times of", path);
	(void)close(fd);
}

static void make_tree(const char *base, const char *below, const struct item *items)
{
	for (; items->path; items++) {
		char path[PATH_MAX];

		(void)snprintf(path, sizeof(path), "%s/%s/%s", base, below, items->path);
		make_parents(path);
		if (items->type == ITEM_FOLDER)
			must(mkdir(path, 0755), "making", path);
		else if (items->type == ITEM_LINK)
			must(symlink(items->text, path), "linking", path);
		else
			write_text(path, items->text, items->mode);
	}
}

/* TEXT with each @WORLD@ replaced. */
static void append_replaced(struct str *out, const char *text, const char *world)
{
	const char *mark;

	while ((mark = strstr(text, "@WORLD@"))) {
		(void)str_append(out, text, (size_t)(mark - text));
		(void)str_add(out, world);
		text = mark + strlen("@WORLD@");
	}
	(void)str_add(out, text);
}

static void make_bundle(const char *base, const char *name, const struct item *items, const char *more,
			const char *hooks)
{
	struct str text = STR_INIT(65536);
	char tree[64], path[PATH_MAX], world[PATH_MAX];

	(void)snprintf(tree, sizeof(tree), "%s/web", name);
	make_tree(base, tree, items);
	(void)snprintf(path, sizeof(path), "%s/%s/appspec.yml", base, name);
	(void)snprintf(world, sizeof(world), "%s/world", base);
	append_replaced(&text, "version: 0.0\nos: linux\nfiles:\n  - source: web\n    destination: @WORLD@/dest\n",
			world);
	append_replaced(&text, more, world);
	append_replaced(&text, hooks, world);
	write_text(path, str_text(&text), 0);
	str_done(&text);
}

void scenario_build(const struct scenario *s, const char *base)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/world/x", base);
	make_parents(path);
	make_tree(base, "world", s->seed);
	if (s->old)
		make_bundle(base, "old", s->old, s->old_appspec, "");
	make_bundle(base, "new", s->new, s->new_appspec, "");
	make_bundle(base, "bad", s->new, s->new_appspec, "hooks:\n  AfterInstall:\n    - location: appspec.yml\n");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void scenario_clear(const char *base)
{
	(void)nftw(base, remove_one, 32, FTW_DEPTH | FTW_PHYS); /* not there the first time */
}

static void list_content(struct str *out, int dir_fd, const char *name)
{
	char bytes[65536];
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, bytes, sizeof(bytes));

	(void)str_append(out, bytes, n > 0 ? (size_t)n : 0);
	if (fd >= 0)
		(void)close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A backup is named after the deployment, whose id is another one each time. */
static void forget_id(char *path)
{
	char *id = strstr(path, ".backup-d-");

	if (id && !strchr(id, '/'))
		id[strlen(".backup-")] = '\0';
}

static void list_folder(struct str *out, const char *path, bool folder_times)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_name);
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		char below[PATH_MAX], link[PATH_MAX];
		struct stat st;

		if (strcmp(name, ".") && strcmp(name, "..") && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			ssize_t len = readlinkat(dir_fd, name, link, sizeof(link) - 1);

			(void)snprintf(below, sizeof(below), "%s/%s", path, name);
			forget_id(below);
			(void)str_printf(out, "%s %o %u:%u", below, st.st_mode, st.st_uid, st.st_gid);
			if (folder_times || S_ISREG(st.st_mode))
				(void)str_printf(out, " %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
			if (len >= 0)
				(void)str_printf(out, " -> %.*s", (int)len, link);
			(void)str_add(out, " ");
			if (S_ISREG(st.st_mode))
				list_content(out, dir_fd, name);
			(void)str_add(out, "\n");
			if (S_ISDIR(st.st_mode))
				list_folder(out, below, folder_times);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (dir_fd >= 0)
		(void)close(dir_fd);
}

char *scenario_listing(const char *path, bool folder_times)
{
	struct str out = STR_INIT(16 * 1024 * 1024);

	list_folder(&out, path, folder_times);
	return str_take(&out);
}

static struct str *leftovers; /* nftw hands nothing on */

static int look_for_leftovers(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static const char *const temporary[] = { ".new",	   "-temp",	"manifest.staged",
						 "manifest.moved", ".replaced", "no-restore" };
	const char *name = path + ftw->base;

	(void)st;
	(void)type;
	if (strstr(path, "/deployment-archive/"))
		return 0; /* what the bundle holds is its own business */
	if (str_starts(name, ".slipway-"))
		(void)str_printf(leftovers, "%s\n", path);
	for (size_t i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
		if (str_ends(name, temporary[i]))
			(void)str_printf(leftovers, "%s\n", path);
	return 0;
}

char *scenario_leftovers(const char *base)
{
	struct str out = STR_INIT(1024 * 1024);
	char path[PATH_MAX];

	leftovers = &out;
	(void)snprintf(path, sizeof(path), "%s/world", base);
	(void)nftw(path, look_for_leftovers, 32, FTW_PHYS);
	(void)snprintf(path, sizeof(path), "%s/root", base);
	(void)nftw(path, look_for_leftovers, 32, FTW_PHYS); /* may not be there yet */
	return str_take(&out);
}
