/* From a plan to steps: their order, their number, and where what they need is staged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_world.h"
#include "installer/arrange.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>

#define ID "d-1"

/* A real folder below which everything happens: the plan sees it by way of world_disk. */
struct ground {
	char *path;
	int fd;
	struct world world;
	struct world_disk *disk;
	struct fake_bundle bundle;
	struct appspec *spec;
	struct manifest *manifest;
	struct plan *plan;
	struct arrangement arrangement;
};

/* WORDS as fake_world.h has them, relative to the ground. */
static void make(struct ground *g, const char *words)
{
	enum disk_kind kind;
	const char *tail;

	for (char *word; (word = fake_word(&words, &kind, &tail)); free(word)) {
		AUTO_FREE char *path = xasprintf("%s/%s", g->path, word);
		AUTO_FREE char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
		struct err err = ERR_INIT;

		if (fs_make_path(kind == DISK_DIRECTORY ? path : parent, 0755, &err) < 0)
			fail_msg("%s", err.msg);
		if (kind == DISK_LINK)
			assert_int_equal(0, symlinkat(tail, g->fd, word));
		if (kind != DISK_FILE)
			continue;

		AUTO_FD int fd = openat(g->fd, word, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		assert_int_equal(strlen(tail), write(fd, tail, strlen(tail)));
	}
}

static void ground_init(struct ground *g)
{
	*g = (struct ground){ .path = scratch_new() };
	assert_int_equal(0, chmod(g->path, 0755));
	g->fd = open(g->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g->disk = world_disk_new(&g->world);
}

/* The path of the ground stands before destinations and before every path of OURS (separated by blanks). */
static void plan_for(struct ground *g, const char *bundle, const char *ours, const char *files)
{
	AUTO_FREE char *text = xasprintf("version: 0.0\nos: linux\nfiles:\n%s", files);
	struct findings findings = { 0 };
	struct str lines = STR_INIT(64 * 1024);
	struct err err = ERR_INIT;

	for (const char *c = ours; *c; c += strcspn(c, " "), c += strspn(c, " "))
		assert_int_equal(0, str_printf(&lines, "%s%.*s\n", g->path, (int)strcspn(c, " "), c));
	g->manifest = manifest_from_cleanup(str_text(&lines), lines.len, NULL);
	str_done(&lines);
	fake_bundle_init(&g->bundle, bundle);
	if (appspec_parse(text, strlen(text), &g->spec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);

	const struct plan_input in = {
		.appspec = g->spec,
		.tree = &g->bundle.tree,
		.archive = "/archive",
		.digests = g->bundle.digests,
		.manifest = g->manifest,
		.world = &g->world,
		.behavior = FILE_EXISTS_OVERWRITE,
		.install_prefix = g->path,
		.umask = 022,
		.uid = geteuid(),
		.gid = getegid(),
	};

	if (plan_build(&in, &g->plan, &err) < 0)
		fail_msg("%s", err.msg);
}

/* As if a script had answered 'backup' about everything that is in the way. */
static void keep_what_is_in_the_way(struct ground *g)
{
	for (size_t i = 0; i < g->plan->conflict_count; i++)
		g->plan->conflicts[i].verdict = VERDICT_BACKUP;
}

static void arranged(struct ground *g)
{
	struct err err = ERR_INIT;

	if (arrange(g->plan, ID, &g->arrangement, &err) < 0)
		fail_msg("%s", err.msg);
}

static void ground_done(struct ground *g)
{
	arrangement_done(&g->arrangement);
	plan_free(g->plan);
	appspec_free(g->spec);
	manifest_free(g->manifest);
	if (g->spec)
		fake_bundle_done(&g->bundle);
	world_disk_free(g->disk);
	auto_closep(&g->fd);
	scratch_removep(&g->path);
}

/* "place srv/a, exchange srv/b" */
static char *shown(const struct ground *g)
{
	static const char *const kinds[] = { "place", "exchange", "remove", "rmdir", "attributes" };
	const struct steps *s = &g->arrangement.steps;
	struct str out = STR_INIT(64 * 1024);

	for (size_t i = 0; i < s->count; i++) {
		const char *folder = s->folders[s->items[i].folder].path + strlen(g->path);

		assert_int_equal(i, s->items[i].number);
		(void)str_printf(&out, "%s%s %s/%s", i ? ", " : "", kinds[s->items[i].kind], folder, s->items[i].name);
	}
	return str_take(&out);
}

static const struct {
	const char *why, *disk, *bundle, *ours, *destination, *want;
} orders[] = {
	{ "a new folder is one step, however much is in it", "srv/", "w/a=1 w/d/b=2 w/d/e/c=3", "", "/srv/app",
	  "place /srv/app" },
	{ "files of an existing folder are single steps", "srv/a=x", "w/a=1 w/b=2", "", "/srv",
	  "exchange /srv/a, place /srv/b" },
	{ "what was ours goes last, children before their folder", "srv/app/a=x srv/app/old/b=x srv/app/old/e/c=x",
	  "w/a=1 w/z=2", "/srv/app /srv/app/a /srv/app/old /srv/app/old/b /srv/app/old/e /srv/app/old/e/c", "/srv/app",
	  "exchange /srv/app/a, place /srv/app/z, remove /srv/app/old/b, remove /srv/app/old/e/c, rmdir "
	  "/srv/app/old/e, "
	  "rmdir /srv/app/old" },
	{ "a folder makes room before a file takes its place", "srv/x/a=x srv/x/d/b=x srv/old=x", "w/x=1 w/y=2",
	  "/srv/x /srv/x/a /srv/x/d /srv/x/d/b /srv/old", "/srv",
	  "remove /srv/x/a, remove /srv/x/d/b, rmdir /srv/x/d, rmdir /srv/x, place /srv/x, place /srv/y, "
	  "remove /srv/old" },
	{ "a folder makes room for a link", "srv/x/a=x", "w/x->y", "/srv/x /srv/x/a", "/srv",
	  "remove /srv/x/a, rmdir /srv/x, place /srv/x" },
	{ "a file is exchanged with a whole folder", "srv/x=x", "w/x/a=1 w/x/b=2", "/srv/x", "/srv",
	  "exchange /srv/x" },
	{ "a dangling link is exchanged", "srv/x->gone", "w/x=1", "", "/srv", "exchange /srv/x" },
	{ "a link of ours is removed as a link", "data/a=x srv/l->../data", "w/a=1", "/srv/l", "/srv",
	  "place /srv/a, remove /srv/l" },
	{ "what is new below a link lands in what it leads to", "data/ srv/l->../data", "w/l/a=1", "", "/srv",
	  "place /data/a" },
	{ "what the user deleted is made again, and nothing else", "srv/", "w/a=1", "/srv/app /srv/app/a /srv/app/b",
	  "/srv/app", "place /srv/app" },
	{ "a user's file keeps its folder", "srv/d/mine=x srv/d/a=x", "w/b=1", "/srv/d /srv/d/a", "/srv",
	  "place /srv/b, remove /srv/d/a" },
	{ "nothing wanted, nothing ours", "srv/x=x", "w/", "", "/srv", "" },
};

static void new_things_come_first_and_old_ones_go_last(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		AUTO(ground_done) struct ground g;
		AUTO_FREE char *files = xasprintf("- {source: w, destination: %s}\n", orders[i].destination);

		print_message("  %s\n", orders[i].why);
		ground_init(&g);
		make(&g, orders[i].disk);
		plan_for(&g, orders[i].bundle, orders[i].ours, files);
		arranged(&g);

		/* the children of a folder are met in the order in which the plan met them */
		AUTO_FREE char *text = shown(&g);

		assert_string_equal(orders[i].want, text);
	}
}

static void steps_know_what_stands_there(void **state)
{
	AUTO(ground_done) struct ground g;
	struct stat st;

	(void)state;
	ground_init(&g);
	make(&g, "srv/a=x srv/x/ srv/old=x");
	plan_for(&g, "w/a=1 w/b=2 w/x=3", "/srv/a /srv/old /srv/x", "- {source: w, destination: /srv}\n");
	arranged(&g);

	AUTO_FREE char *text = shown(&g);

	assert_string_equal("exchange /srv/a, rmdir /srv/x, place /srv/x, place /srv/b, remove /srv/old", text);
	for (size_t i = 0; i < g.arrangement.steps.count; i++) {
		const struct step *s = &g.arrangement.steps.items[i];
		AUTO_FREE char *path = xasprintf("srv/%s", s->name);
		bool there = fstatat(g.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;

		assert_int_equal(there && s->kind != STEP_PLACE ? st.st_ino : 0, s->old_ino);
	}
	assert_int_equal(0, fstatat(g.fd, "srv", &st, 0));
	assert_int_equal(st.st_dev, g.arrangement.steps.folders[0].dev);
	assert_int_equal(st.st_ino, g.arrangement.steps.folders[0].ino);
	assert_int_equal((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
			 g.arrangement.steps.folders[0].mtime_ns);
}

static void a_folder_that_stays_changes_its_attributes_in_a_step(void **state)
{
	AUTO(ground_done) struct ground g;

	(void)state;
	ground_init(&g);
	make(&g, "srv/d/a=x");
	assert_int_equal(0, fchmodat(g.fd, "srv/d", 0700, 0));
	plan_for(&g, "w/d/a=1", "/srv/d /srv/d/a", "- {source: w, destination: /srv}\n");
	arranged(&g);

	AUTO_FREE char *text = shown(&g);
	const struct step *s = g.arrangement.steps.items;

	assert_string_equal("attributes /srv/d, exchange /srv/d/a", text);
	assert_int_equal(0700, s->before.mode);
	assert_int_equal(0755, s->after.mode);
	assert_string_equal("", s->acl_before);
	assert_string_equal("", s->acl_after);
}

static const struct {
	const char *why, *disk, *ours, *destination, *want;
} places[] = {
	{ "beside the destination folder, not among its files", "srv/app/mine=x", "", "/srv/app", "/srv" },
	{ "beside the destination folder that is to be made", "srv/", "", "/srv/app", "/srv" },
	{ "in the last folder that is there", "srv/", "", "/srv/a/b/app", "/srv" },
	{ "beside the outermost folder that is ours", "srv/app/d/a=x", "/srv/app /srv/app/d /srv/app/d/a", "/srv/app/d",
	  "/srv" },
};

static void private_folders_stand_beside_what_is_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(ground_done) struct ground g;
		AUTO_FREE char *files = xasprintf("- {source: w, destination: %s}\n", places[i].destination);

		print_message("  %s\n", places[i].why);
		ground_init(&g);
		make(&g, places[i].disk);
		plan_for(&g, "w/new=1", places[i].ours, files);
		arranged(&g);
		assert_int_equal(1, g.arrangement.steps.place_count);
		assert_string_equal(places[i].want, g.arrangement.steps.places[0].parent + strlen(g.path));
		assert_string_equal(".slipway-" ID "-0", g.arrangement.steps.places[0].name);
	}
}

static void the_space_that_staging_takes_is_counted_by_place(void **state)
{
	AUTO(ground_done) struct ground g;
	struct err err = ERR_INIT;

	(void)state;
	ground_init(&g);
	make(&g, "srv/b=x opt/");
	plan_for(&g, "w/a=1 w/d/b=2 w/d/e/ w/l->a v/b=3", "/srv/app/gone",
		 "- {source: w, destination: /srv/app}\n- {source: v, destination: /srv}\n");
	arranged(&g);
	assert_int_equal(1, g.arrangement.steps.place_count);
	assert_int_equal(7, g.arrangement.place_inodes[0]); /* app, a, d, d/b, d/e, l; b */
	assert_int_equal(7 * 4096, g.arrangement.place_bytes[0]);
	assert_int_equal(0, arrange_check_space(&g.arrangement, &err));

	g.arrangement.place_bytes[0] = (uint64_t)1 << 60;
	assert_int_equal(-1, arrange_check_space(&g.arrangement, &err));
	assert_int_equal(ERR_NO_SPACE, err.kind);
	assert_non_null(strstr(err.msg, "free some space"));
}

struct mounted {
	char *path;
};

static void unmount(struct mounted *m)
{
	if (m->path)
		(void)umount2(m->path, MNT_DETACH);
	free(m->path);
}

/* A tmpfs at NAME; false (with a word) where that is not allowed. */
static bool mount_at(const struct ground *g, const char *name, struct mounted *m)
{
	char *path = xasprintf("%s/%s", g->path, name);

	if (mount("tmpfs", path, "tmpfs", 0, "size=4m,mode=0755") == 0) {
		m->path = path;
		return true;
	}
	print_message("SKIPPED: mounting a tmpfs is not allowed here (%s)\n", strerror(errno));
	free(path);
	return false;
}

static void on_another_mount_the_private_folder_is_inside(void **state)
{
	AUTO(ground_done) struct ground g;
	AUTO(unmount) struct mounted m = { NULL };
	struct err err = ERR_INIT;

	(void)state;
	ground_init(&g);
	make(&g, "srv/app/ srv/other/");
	if (!mount_at(&g, "srv/app", &m))
		return;
	make(&g, "srv/app/d/a=x");
	plan_for(&g, "w/d/a=1 w/b=2", "/srv/app /srv/app/d /srv/app/d/a",
		 "- {source: w, destination: /srv/app}\n- {source: w, destination: /srv/other}\n");
	arranged(&g);

	AUTO_FREE char *text = shown(&g);
	const struct steps *s = &g.arrangement.steps;

	assert_string_equal("exchange /srv/app/d/a, place /srv/app/b, place /srv/other/b, place /srv/other/d", text);
	assert_int_equal(2, s->place_count);
	assert_string_equal("/srv/app", s->places[0].parent + strlen(g.path));
	assert_string_equal("/srv", s->places[1].parent + strlen(g.path));
	assert_string_equal(".slipway-" ID "-1", s->places[1].name);
	for (size_t i = 0; i < s->count; i++)
		assert_int_equal(!strstr(s->folders[s->items[i].folder].path, "/srv/app"), s->items[i].place);
	assert_int_equal(0, arrange_check_space(&g.arrangement, &err));
	g.arrangement.place_bytes[0] = 3 * 1024 * 1024; /* with the margin that is all of the tmpfs */
	assert_int_equal(-1, arrange_check_space(&g.arrangement, &err));
	assert_non_null(strstr(err.msg, "/srv/app' has 3 MiB free"));
}

static void where_the_parent_is_not_writable_it_is_inside(void **state)
{
	AUTO(ground_done) struct ground g;

	(void)state;
	ground_init(&g);
	make(&g, "srv/app/");
	assert_int_equal(0, fchmodat(g.fd, "srv", 0555, 0));
	if (geteuid() == 0) {
		assert_int_equal(0, chown(g.path, 65534, 65534));
		assert_int_equal(0, fchownat(g.fd, "srv/app", 65534, 65534, 0));
		assert_int_equal(0, seteuid(65534));
	}
	plan_for(&g, "w/a=1", "", "- {source: w, destination: /srv/app}\n");
	arranged(&g);
	if (getuid() == 0)
		assert_int_equal(0, seteuid(0));
	assert_int_equal(0, fchmodat(g.fd, "srv", 0755, 0));
	assert_string_equal("/srv/app", g.arrangement.steps.places[0].parent + strlen(g.path));
}

static void a_folder_that_is_not_writable_at_all_is_told(void **state)
{
	AUTO(ground_done) struct ground g;
	struct err err = ERR_INIT;

	(void)state;
	ground_init(&g);
	make(&g, "srv/app/");
	assert_int_equal(0, fchmodat(g.fd, "srv", 0555, 0));
	assert_int_equal(0, fchmodat(g.fd, "srv/app", 0555, 0));
	if (geteuid() == 0)
		assert_int_equal(0, seteuid(65534));
	plan_for(&g, "w/a=1", "", "- {source: w, destination: /srv/app}\n");
	assert_int_equal(-1, arrange(g.plan, ID, &g.arrangement, &err));
	if (getuid() == 0)
		assert_int_equal(0, seteuid(0));
	assert_int_equal(0, fchmodat(g.fd, "srv/app", 0755, 0));
	assert_int_equal(0, fchmodat(g.fd, "srv", 0755, 0));
	assert_int_equal(EACCES, err.sys);
	assert_non_null(strstr(err.msg, "/srv/app'"));
}

static void a_backup_has_its_name_before_the_old_file_loses_its_own(void **state)
{
	AUTO(ground_done) struct ground g;

	(void)state;
	ground_init(&g);
	make(&g, "srv/a=x srv/d/b=x");
	plan_for(&g, "w/a=1 w/c=1 w/d/b=1", "", "- {source: w, destination: /srv}\n");
	keep_what_is_in_the_way(&g);
	arranged(&g);

	AUTO_FREE char *text = shown(&g);
	const struct steps *s = &g.arrangement.steps;

	assert_string_equal("place /srv/a.backup-d-1, exchange /srv/a, place /srv/c, place /srv/d/b.backup-d-1, "
			    "exchange /srv/d/b",
			    text);
	assert_string_equal("a", s->items[0].second_name_of);
	assert_null(s->items[1].second_name_of);
	assert_int_equal(s->items[0].place, s->items[1].place);
}

static void a_name_that_is_too_long_for_a_backup_is_told(void **state)
{
	AUTO(ground_done) struct ground g;
	AUTO_FREE char *name = xmalloc(NAME_MAX + 1);
	struct err err = ERR_INIT;

	(void)state;
	memset(name, 'x', NAME_MAX);
	name[NAME_MAX - strlen(".backup-" ID) + 1] = '\0';

	AUTO_FREE char *disk = xasprintf("srv/%s=x", name);
	AUTO_FREE char *bundle = xasprintf("w/%s=1", name);

	ground_init(&g);
	make(&g, disk);
	plan_for(&g, bundle, "", "- {source: w, destination: /srv}\n");
	arranged(&g);
	arrangement_done(&g.arrangement);
	keep_what_is_in_the_way(&g);
	assert_int_equal(-1, arrange(g.plan, ID, &g.arrangement, &err));
	assert_int_equal(ERR_EXISTS, err.kind);
	assert_non_null(strstr(err.msg, "too long a name to be kept as a backup"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_things_come_first_and_old_ones_go_last),
		cmocka_unit_test(a_backup_has_its_name_before_the_old_file_loses_its_own),
		cmocka_unit_test(a_name_that_is_too_long_for_a_backup_is_told),
		cmocka_unit_test(steps_know_what_stands_there),
		cmocka_unit_test(a_folder_that_stays_changes_its_attributes_in_a_step),
		cmocka_unit_test(private_folders_stand_beside_what_is_ours),
		cmocka_unit_test(the_space_that_staging_takes_is_counted_by_place),
		cmocka_unit_test(on_another_mount_the_private_folder_is_inside),
		cmocka_unit_test(where_the_parent_is_not_writable_it_is_inside),
		cmocka_unit_test(a_folder_that_is_not_writable_at_all_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
