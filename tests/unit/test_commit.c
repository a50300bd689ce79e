/* Steps forth and back, cut off before every call, with and without renames that exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/commit.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE	   ".slipway-d-1-0"
#define PLACE_HERE PLACE "/0" /* where the entries of the first steps lie */

/* What the file system is made to know, and where it is made to stop. */
struct disk {
	bool no_exchange;	      /* RENAME_EXCHANGE is unknown */
	unsigned long calls, stop_at; /* stop_at 0: never; every call from there on fails */
};

static int before_call(void *context, const struct fs_call *call)
{
	struct disk *d = context;

	if (++d->calls >= d->stop_at && d->stop_at)
		return EIO;
	return d->no_exchange && call->op == FS_EXCHANGE ? EINVAL : 0;
}

static void after_call(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

struct scene {
	char *path;
	int fd;
	struct steps steps;
};

static void put(const struct scene *s, const char *name, const char *text)
{
	AUTO_FD int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
}

static void folder(const struct scene *s, const char *name)
{
	assert_int_equal(0, mkdirat(s->fd, name, 0755));
}

static struct stat facts(const struct scene *s, const char *name)
{
	struct stat st;

	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return st;
}

static uint32_t add_folder(struct scene *s, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s%s%s", s->path, *name ? "/" : "", name);
	struct stat st = facts(s, *name ? name : ".");

	return steps_add_folder(&s->steps, path, st.st_dev, st.st_ino,
				(int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
}

/* A step on NAME in FOLDER; NEW: what is staged for it. */
static void add_step(struct scene *s, enum step_kind kind, uint32_t in, const char *folder_name, const char *name,
		     const char *new, bool link)
{
	struct step *st = steps_add(&s->steps);
	AUTO_FREE char *target = xasprintf("%s%s%s", folder_name, *folder_name ? "/" : "", name);
	uint32_t number = (uint32_t)s->steps.count - 1;

	*st = (struct step){
		.name = name, .acl_before = "", .acl_after = "", .folder = in, .number = number, .kind = kind
	};
	if (kind != STEP_PLACE)
		st->old_ino = facts(s, target).st_ino;
	if (!new)
		return;

	AUTO_FREE char *staged = xasprintf(PLACE_HERE "/%x", number);

	if (link)
		assert_int_equal(0, symlinkat(new, s->fd, staged));
	else
		put(s, staged, new);
	st->new_dev = facts(s, staged).st_dev;
	st->new_ino = facts(s, staged).st_ino;
}

static void scene_empty(struct scene *s)
{
	*s = (struct scene){ .path = scratch_new() };
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	steps_init(&s->steps);
	folder(s, PLACE);
	folder(s, PLACE_HERE);
	(void)steps_add_place(&s->steps, s->path, PLACE, 0);
}

/* One of every kind of change. */
static void scene_init(struct scene *s)
{
	scene_empty(s);
	for (const char *const *f = (const char *const[]){ "d", "e", "f", "g", "h", "k", NULL }; *f; f++)
		folder(s, *f);
	put(s, "a", "old a");
	put(s, "c", "old c");
	put(s, "d/x", "old x");
	put(s, "e/y", "old y");
	put(s, "g/z", "old z");
	put(s, "h/mine", "a user's, made after the plan");
	assert_int_equal(0, symlinkat("nowhere", s->fd, "l"));

	uint32_t top = add_folder(s, ""), d = add_folder(s, "d"), e = add_folder(s, "e"), g = add_folder(s, "g"),
		 k = add_folder(s, "k");

	add_step(s, STEP_EXCHANGE, top, "", "a", "new a", false);
	add_step(s, STEP_PLACE, top, "", "b", "new b", false);
	add_step(s, STEP_REMOVE, e, "e", "y", NULL, false);
	add_step(s, STEP_REMOVE_FOLDER, top, "", "e", NULL, false);
	add_step(s, STEP_PLACE, top, "", "e", "new e", false);
	add_step(s, STEP_ATTRIBUTES, top, "", "f", NULL, false);
	s->steps.items[5].before = (struct step_attributes){ 0755, geteuid(), getegid() };
	s->steps.items[5].after = (struct step_attributes){ 0700, geteuid(), getegid() };
	add_step(s, STEP_REMOVE, g, "g", "z", NULL, false);
	add_step(s, STEP_REMOVE_FOLDER, top, "", "g", NULL, false);
	add_step(s, STEP_PLACE, top, "", "g", "d", true); /* a link where a folder was, and to a folder */
	add_step(s, STEP_PLACE, k, "k", "m", "new m", false);
	add_step(s, STEP_EXCHANGE, top, "", "l", "elsewhere", true);
	add_step(s, STEP_REMOVE, top, "", "c", NULL, false);
	add_step(s, STEP_REMOVE, d, "d", "x", NULL, false);
	add_step(s, STEP_REMOVE_FOLDER, top, "", "d", NULL, false);
	add_step(s, STEP_REMOVE_FOLDER, top, "", "h", NULL, false);
}

#define NEW_TREE                                                                                                       \
	"a=new a b=new b e=new e f:0700 g->d h:0755 h/mine=a user's, made after the plan k:0755 k/m=new m "            \
	"l->elsewhere "

static void scene_done(struct scene *s)
{
	auto_closep(&s->fd);
	steps_done(&s->steps);
	scratch_removep(&s->path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything but the place, as text; INODES: with the inode of each. */
static void describe(const struct scene *s, const char *dir, bool inodes, struct str *out)
{
	int fd = openat(s->fd, *dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	char *names[32];
	size_t count = 0;

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, PLACE))
			names[count++] = xasprintf("%s%s%s", dir, *dir ? "/" : "", e->d_name);
	(void)closedir(d);
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		struct stat st = facts(s, names[i]);
		char text[256] = "";

		if (S_ISLNK(st.st_mode)) {
			assert_true(readlinkat(s->fd, names[i], text, sizeof(text) - 1) > 0);
			(void)str_printf(out, "%s->%s", names[i], text);
		} else if (S_ISDIR(st.st_mode)) {
			(void)str_printf(out, "%s:%04o", names[i], st.st_mode & 07777);
		} else {
			AUTO_FD int file = openat(s->fd, names[i], O_RDONLY | O_CLOEXEC);

			assert_true(read(file, text, sizeof(text) - 1) >= 0);
			(void)str_printf(out, "%s=%s", names[i], text);
		}
		if (inodes)
			(void)str_printf(out, "#%llu", (unsigned long long)st.st_ino);
		(void)str_add(out, " ");
		if (S_ISDIR(st.st_mode))
			describe(s, names[i], inodes, out);
		free(names[i]);
	}
}

static char *tree(const struct scene *s, bool inodes)
{
	struct str out = STR_INIT(64 * 1024);

	describe(s, "", inodes, &out);
	return str_take(&out);
}

static void assert_tree(const struct scene *s, bool inodes, const char *want)
{
	AUTO_FREE char *have = tree(s, inodes);

	assert_string_equal(want, have);
}

/* Run one direction; on DISK, stopped before its call number AT (0: not at all). Returns how many calls were made. */
static int undo(const struct steps *s, struct err *err)
{
	return commit_undo(s, NULL, err);
}

static unsigned long run(int (*direction)(const struct steps *, struct err *), const struct scene *s, bool no_exchange,
			 unsigned long at, int want)
{
	struct disk disk = { .no_exchange = no_exchange, .stop_at = at };
	const struct fs_observer observer = { before_call, after_call, &disk };
	struct err err = ERR_INIT;

	fs_observe(&observer);

	int r = direction(&s->steps, &err);

	fs_observe(NULL);
	if (r != want)
		fail_msg("%d: %s", r, err.msg);
	assert_int_equal(r < 0, err.kind != ERR_NONE);
	return disk.calls;
}

static void steps_lead_to_the_new_tree_and_back(void **state)
{
	(void)state;
	for (int no_exchange = 0; no_exchange < 2; no_exchange++) {
		AUTO(scene_done) struct scene s;

		scene_init(&s);

		AUTO_FREE char *old = tree(&s, true);

		run(commit_redo, &s, no_exchange, 0, 0);
		assert_tree(&s, false, NEW_TREE);
		run(undo, &s, no_exchange, 0, 0);
		assert_tree(&s, true, old);
	}
}

static void redo_cut_off_anywhere_is_finished_by_another(void **state)
{
	(void)state;
	for (int ways = 0; ways < 4; ways++) {
		bool ended = false;

		for (unsigned long at = 1; !ended; at++) {
			AUTO(scene_done) struct scene s;

			scene_init(&s);
			run(commit_redo, &s, ways & 1, at, -1);
			ended = run(commit_redo, &s, ways & 2, 0, 0) == 2; /* it only moves the user's folder h */
			assert_tree(&s, false, NEW_TREE);
			run(commit_redo, &s, ways & 2, 0, 0);
			assert_tree(&s, false, NEW_TREE);
			if (ended || at > 100)
				print_message("  %s, then %s: %lu calls\n", ways & 1 ? "no exchange" : "exchange",
					      ways & 2 ? "no exchange" : "exchange", at);
			assert_true(at < 100);
		}
	}
}

/* Cut off redo before call AT, undo before call BACK, and undo then to the end. */
static void undo_cut_off_anywhere_is_finished_by_another(void **state)
{
	unsigned long points = 0;

	(void)state;
	for (int ways = 0; ways < 8; ways++) {
		AUTO(scene_done) struct scene counted;

		scene_init(&counted);

		unsigned long forth = run(commit_redo, &counted, ways & 1, 0, 0);

		for (unsigned long at = 1; at <= forth + 1; at++) {
			unsigned long calls = 1;

			for (unsigned long back = 1; back <= calls; back++, points++) {
				AUTO(scene_done) struct scene s;

				scene_init(&s);

				AUTO_FREE char *old = tree(&s, true);

				run(commit_redo, &s, ways & 1, at <= forth ? at : 0, at <= forth ? -1 : 0);
				if (back == 1) { /* how many calls undoing takes from here */
					calls = run(undo, &s, ways & 2, 0, 0);
					assert_tree(&s, true, old);
					continue;
				}
				run(undo, &s, ways & 2, back, -1);
				run(undo, &s, ways & 4, 0, 0);
				assert_tree(&s, true, old);
			}
		}
	}
	print_message("  %lu points\n", points);
}

/* What the new revision's hooks do to what was installed: files edited by programs that make a new one of them. */
static void edit(const struct scene *s, const char *name, const char *text)
{
	put(s, "edited", text);
	assert_int_equal(0, renameat(s->fd, "edited", s->fd, name));
}

static void undo_takes_back_what_hooks_made_of_the_new_files(void **state)
{
	(void)state;
	for (int ways = 0; ways < 8; ways++) {
		unsigned long calls = 1;

		for (unsigned long back = 1; back <= calls; back++) {
			AUTO(scene_done) struct scene s;

			scene_init(&s);

			AUTO_FREE char *old = tree(&s, true);

			run(commit_redo, &s, ways & 1, 0, 0);
			edit(&s, "a", "edited a");
			edit(&s, "b", "edited b");
			edit(&s, "e", "edited e");
			edit(&s, "c", "made again");
			edit(&s, "k/m", "edited m");
			if (back == 1) {
				calls = run(undo, &s, ways & 2, 0, 0);
			} else {
				run(undo, &s, ways & 2, back, -1);
				run(undo, &s, ways & 4, 0, 0);
			}
			assert_tree(&s, true, old);
		}
	}
}

static void what_hooks_removed_comes_back(void **state)
{
	(void)state;
	for (int no_exchange = 0; no_exchange < 2; no_exchange++) {
		AUTO(scene_done) struct scene s;

		scene_init(&s);

		AUTO_FREE char *old = tree(&s, true);

		run(commit_redo, &s, no_exchange, 0, 0);
		for (const char *const *n = (const char *const[]){ "a", "b", "e", "g", "l", "k/m", NULL }; *n; n++)
			assert_int_equal(0, unlinkat(s.fd, *n, 0));
		run(undo, &s, no_exchange, 0, 0);
		assert_tree(&s, true, old);
	}
}

static void nobody_moves_a_folder_of_others_without_a_name_for_it(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_empty(&s);
	put(&s, "a", "old a");
	put(&s, "c", "old c");

	uint32_t top = add_folder(&s, "");

	add_step(&s, STEP_EXCHANGE, top, "", "a", "new a", false);
	add_step(&s, STEP_PLACE, top, "", "b", "new b", false);
	add_step(&s, STEP_REMOVE, top, "", "c", NULL, false);
	run(commit_redo, &s, false, 0, 0);
	for (const char *const *n = (const char *const[]){ "a", "b", "c", NULL }; *n; n++) {
		folder(&s, "mine"); /* before the file goes: it would get the same inode */
		put(&s, "mine/mine", "precious");
		(void)unlinkat(s.fd, *n, 0); /* "c" is gone already */
		assert_int_equal(0, renameat(s.fd, "mine", s.fd, *n));
	}
	assert_int_equal(-1, commit_undo(&s.steps, NULL, &err));
	assert_int_equal(ERR_EXISTS, err.kind);
	assert_tree(&s, false, "a:0755 a/mine=precious b:0755 b/mine=precious c:0755 c/mine=precious ");

	/* once they are out of the way it goes on */
	for (const char *const *n = (const char *const[]){ "a", "c", NULL }; *n; n++) {
		AUTO_FREE char *aside = xasprintf("%s.aside", *n);

		assert_int_equal(0, renameat(s.fd, *n, s.fd, aside));
	}
	run(undo, &s, false, 0, 0);
	assert_tree(&s, false,
		    "a=old a a.aside:0755 a.aside/mine=precious b:0755 b/mine=precious c=old c c.aside:0755 "
		    "c.aside/mine=precious ");
}

static void count_spared(void *context, const char *folder)
{
	unsigned *count = context;

	assert_true(str_ends(folder, ".left-by-d-1"));
	(*count)++;
}

static void what_others_made_where_an_old_one_belongs_makes_room(void **state)
{
	(void)state;
	for (int no_exchange = 0; no_exchange < 2; no_exchange++) {
		AUTO(scene_done) struct scene s;
		AUTO_FREE char *command = NULL;
		unsigned spared = 0;
		const struct undo_watch watch = { NULL, "d-1", count_spared, &spared };
		struct disk disk = { .no_exchange = no_exchange };
		const struct fs_observer observer = { before_call, after_call, &disk };
		struct err err = ERR_INIT;

		scene_empty(&s);
		put(&s, "a", "old a");
		put(&s, "c", "old c");
		folder(&s, "f");

		uint32_t top = add_folder(&s, "");

		add_step(&s, STEP_EXCHANGE, top, "", "a", "new a", false);
		add_step(&s, STEP_REMOVE, top, "", "c", NULL, false);
		add_step(&s, STEP_REMOVE_FOLDER, top, "", "f", NULL, false);
		run(commit_redo, &s, no_exchange, 0, 0);
		command = xasprintf(
			"cd '%s' && mkdir -m 755 x && mv a x/mine && mv x a && mkdir -m 755 c && echo -n 1 >c/mine && "
			"echo -n 2 >f",
			s.path);
		assert_int_equal(0, system(command));
		fs_observe(&observer);

		int r = commit_undo(&s.steps, &watch, &err);

		fs_observe(NULL);
		if (r < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(2, spared);
		assert_tree(&s, false,
			    "a=old a a.left-by-d-1:0755 a.left-by-d-1/mine=new a c=old c c.left-by-d-1:0755 "
			    "c.left-by-d-1/mine=1 f:0755 ");
	}
}

static const struct {
	const char *why;
	enum step_kind kind;
	bool there; /* before the plan */
} intruders[] = {
	{ "something came to stand where nothing was", STEP_PLACE, false },
	{ "something else stands there now", STEP_EXCHANGE, true },
};

static void what_others_put_there_after_the_plan_is_not_replaced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(intruders); i++) {
		AUTO(scene_done) struct scene s;
		struct err err = ERR_INIT;

		print_message("  %s\n", intruders[i].why);
		scene_empty(&s);
		if (intruders[i].there)
			put(&s, "a", "old a");
		add_step(&s, intruders[i].kind, add_folder(&s, ""), "", "a", "new a", false);
		edit(&s, "a", "an intruder's");
		assert_int_equal(-1, commit_redo(&s.steps, &err));
		assert_int_equal(ERR_EXISTS, err.kind);
		run(undo, &s, false, 0, 0);
		assert_tree(&s, false, "a=an intruder's ");
	}
}

static void what_was_staged_must_be_there(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_empty(&s);
	add_step(&s, STEP_PLACE, add_folder(&s, ""), "", "a", "new a", false);
	assert_int_equal(0, unlinkat(s.fd, PLACE_HERE "/0", 0));
	assert_int_equal(-1, commit_redo(&s.steps, &err));
	assert_int_equal(ERR_STATE, err.kind);
}

/* The folder that something was put into is gone, with all in it: there is nothing to take back. */
static void a_folder_that_is_gone_does_not_stop_undoing(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_empty(&s);
	folder(&s, "k");
	folder(&s, "k/f");
	put(&s, "a", "old a");
	add_step(&s, STEP_EXCHANGE, add_folder(&s, ""), "", "a", "new a", false);
	add_step(&s, STEP_PLACE, add_folder(&s, "k"), "k", "m", "new m", false);
	add_step(&s, STEP_ATTRIBUTES, 1, "k", "f", NULL, false);
	s.steps.items[2].after = s.steps.items[2].before = (struct step_attributes){ 0755, geteuid(), getegid() };
	run(commit_redo, &s, false, 0, 0);
	assert_int_equal(0, renameat(s.fd, "k", s.fd, PLACE "/gone"));
	run(undo, &s, false, 0, 0);
	assert_tree(&s, false, "a=old a ");
}

/* Hooks that copy a folder, or clear it away: what stands under its name then can never be the one it was. */
static void a_folder_that_was_replaced_or_removed_gets_its_old_files_back(void **state)
{
	static const struct {
		const char *why, *command, *after;
	} cases[] = {
		{ "a copy of it", "cp -a k x && rm -r k && mv x k", "f:0755 k:0755 k/a=old a k/c=old c " },
		{ "a copy with something of its own",
		  "mv k x && mkdir -m 755 k && echo -n 1 >k/own && echo -n 2 >k/b && rm -r x",
		  "f:0755 k:0755 k/a=old a k/c=old c k/own=1 " },
		{ "gone", "rm -r k", "f:0755 k:0755 k/a=old a k/c=old c " },
		{ "the one whose attributes were changed is another", "mv f x && mkdir -m 711 f && rmdir x",
		  "f:0711 k:0755 k/a=old a k/c=old c " },
		{ "or gone", "rmdir f", "k:0755 k/a=old a k/c=old c " },
		{ "or a file now", "rmdir f && echo -n 3 >f", "f=3 k:0755 k/a=old a k/c=old c " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scene_done) struct scene s;
		AUTO_FREE char *command = NULL;

		print_message("  %s\n", cases[i].why);
		scene_empty(&s);
		folder(&s, "k");
		folder(&s, "f");
		put(&s, "k/a", "old a");
		put(&s, "k/c", "old c");

		uint32_t k = add_folder(&s, "k"), top = add_folder(&s, "");

		add_step(&s, STEP_EXCHANGE, k, "k", "a", "new a", false);
		add_step(&s, STEP_PLACE, k, "k", "b", "new b", false);
		add_step(&s, STEP_ATTRIBUTES, top, "", "f", NULL, false);
		s.steps.items[2].before = (struct step_attributes){ 0755, geteuid(), getegid() };
		s.steps.items[2].after = (struct step_attributes){ 0700, geteuid(), getegid() };
		add_step(&s, STEP_REMOVE, k, "k", "c", NULL, false);
		run(commit_redo, &s, false, 0, 0);
		command = xasprintf("cd '%s' && %s", s.path, cases[i].command);
		assert_int_equal(0, system(command));
		run(undo, &s, false, 0, 0);
		assert_tree(&s, false, cases[i].after);
	}
}

/* After a restart a disk may be found under another number than before. */
static void the_number_of_a_device_may_change(void **state)
{
	(void)state;
	for (int back = 0; back < 2; back++) {
		AUTO(scene_done) struct scene s;

		scene_init(&s);

		AUTO_FREE char *old = tree(&s, true);

		run(commit_redo, &s, false, 4, -1);
		for (size_t i = 0; i < s.steps.count; i++)
			s.steps.items[i].new_dev += 7;
		for (size_t i = 0; i < s.steps.folder_count; i++)
			s.steps.folders[i].dev += 7;
		if (!back)
			run(commit_redo, &s, false, 0, 0);
		run(undo, &s, false, 0, 0);
		assert_tree(&s, true, old);
	}
}

static void without_its_private_folder_nothing_counts_as_done(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_empty(&s);
	put(&s, "a", "old a");
	add_step(&s, STEP_REMOVE, add_folder(&s, ""), "", "a", NULL, false);
	assert_int_equal(0, unlinkat(s.fd, PLACE_HERE, AT_REMOVEDIR));
	assert_int_equal(-1, commit_redo(&s.steps, &err));
	assert_int_equal(-1, commit_undo(&s.steps, NULL, &err));
	assert_tree(&s, false, "a=old a ");
}

static void undo_gives_the_folders_their_times_back(void **state)
{
	AUTO(scene_done) struct scene s;
	const struct timespec times[2] = { { 5, 0 }, { 1234, 5678 } };

	(void)state;
	scene_empty(&s);
	put(&s, "a", "old a");
	assert_int_equal(0, futimens(s.fd, times));

	uint32_t top = add_folder(&s, "");

	add_step(&s, STEP_EXCHANGE, top, "", "a", "new a", false);
	add_step(&s, STEP_PLACE, top, "", "b", "new b", false);
	run(commit_redo, &s, false, 0, 0);
	assert_int_not_equal(1234, facts(&s, ".").st_mtim.tv_sec);
	run(undo, &s, false, 0, 0);
	assert_int_equal(1234, facts(&s, ".").st_mtim.tv_sec);
	assert_int_equal(5678, facts(&s, ".").st_mtim.tv_nsec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_lead_to_the_new_tree_and_back),
		cmocka_unit_test(redo_cut_off_anywhere_is_finished_by_another),
		cmocka_unit_test(undo_cut_off_anywhere_is_finished_by_another),
		cmocka_unit_test(undo_takes_back_what_hooks_made_of_the_new_files),
		cmocka_unit_test(what_hooks_removed_comes_back),
		cmocka_unit_test(nobody_moves_a_folder_of_others_without_a_name_for_it),
		cmocka_unit_test(what_others_made_where_an_old_one_belongs_makes_room),
		cmocka_unit_test(what_others_put_there_after_the_plan_is_not_replaced),
		cmocka_unit_test(what_was_staged_must_be_there),
		cmocka_unit_test(a_folder_that_is_gone_does_not_stop_undoing),
		cmocka_unit_test(a_folder_that_was_replaced_or_removed_gets_its_old_files_back),
		cmocka_unit_test(the_number_of_a_device_may_change),
		cmocka_unit_test(without_its_private_folder_nothing_counts_as_done),
		cmocka_unit_test(undo_gives_the_folders_their_times_back),
	};

	if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1); /* thousands of small trees */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
