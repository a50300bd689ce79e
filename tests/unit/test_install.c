/* Whole installs into a folder: what they leave, and what the next one makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/drift.h"
#include "installer/install.h"
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

#define GROUP "g1"

/* Below PATH: bundle/ and state/, and world/, where everything is installed. */
struct scene {
	char *path;
	int fd, bundle_fd, state_fd;
	struct world world;
	struct world_disk *disk;
	struct digest_index *digests;
	unsigned deployments;
	int deployment_fd;	  /* of the newest */
	char *previous;		  /* where the pointer leads */
	bool undo;		  /* the next one, instead of ending it */
	const char *meanwhile[4]; /* files that somebody puts below world/ before that */
	char *spared;		  /* a folder that stayed, if any */
	struct plan_counts counts;
	enum install_outcome outcome;
};

static int opened(const struct scene *s, const char *name)
{
	int fd = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void put(const struct scene *s, const char *name, const char *text)
{
	AUTO_FD int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
}

static void scene_init(struct scene *s)
{
	*s = (struct scene){ .path = scratch_new(), .deployment_fd = -1 };
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *f = (const char *const[]){ "bundle", "bundle/d", "state", "world", NULL }; *f; f++)
		assert_int_equal(0, mkdirat(s->fd, *f, 0755));
	put(s, "bundle/a", "a");
	put(s, "bundle/d/b", "b");
	assert_int_equal(0, symlinkat("a", s->fd, "bundle/l"));
	assert_int_equal(0, symlinkat("b", s->fd, "bundle/d/m"));
	s->bundle_fd = opened(s, "bundle");
	s->state_fd = opened(s, "state");
	s->disk = world_disk_new(&s->world);
	s->digests = digest_index_new();
}

static void scene_done(struct scene *s)
{
	digest_index_free(s->digests);
	world_disk_free(s->disk);
	for (int *const *fd = (int *const[]){ &s->fd, &s->bundle_fd, &s->state_fd, &s->deployment_fd, NULL }; *fd; fd++)
		auto_closep(*fd);
	free(s->previous);
	free(s->spared);
	scratch_removep(&s->path);
}

static void spared(void *context, const char *folder)
{
	struct scene *s = context;

	free(s->spared);
	s->spared = xstrdup(folder + strlen(s->path) + strlen("/world/"));
}

static void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}

static void plan_freep(struct plan **p)
{
	plan_free(*p);
}

static void appspec_freep(struct appspec **a)
{
	appspec_free(*a);
}

static void install_freep(struct install **in)
{
	install_free(*in);
}

/* A new deployment of the bundle to /DESTINATION, PERMISSIONS behind the files section. */
static int deploy(struct scene *s, const char *destination, const char *permissions, struct err *err)
{
	AUTO_FREE char *text = xasprintf("version: 0.0\nos: linux\nfiles:\n- {source: /, destination: /%s}\n%s",
					 destination, permissions);
	AUTO_FREE char *prefix = xasprintf("%s/world", s->path);
	AUTO_FREE char *id = xasprintf("state/d-%u", ++s->deployments);
	AUTO_FREE char *path = xasprintf("%s/%s", s->path, id);
	AUTO_FREE char *archive = xasprintf("%s/bundle", s->path);
	AUTO(appspec_freep) struct appspec *spec = NULL;
	AUTO(manifest_freep) struct manifest *manifest = NULL;
	AUTO(tree_done) struct tree tree = { 0 };
	AUTO(plan_freep) struct plan *plan = NULL;
	AUTO(install_freep) struct install *install = NULL;
	struct findings findings = { 0 };

	*err = ERR_INIT;
	assert_int_equal(0, appspec_parse(text, strlen(text), &spec, &findings, err));
	findings_done(&findings);
	if (s->deployment_fd >= 0)
		assert_true(manifest_open(s->deployment_fd, INSTALL_MANIFEST, &manifest, err) >= 0);
	assert_int_equal(0, mkdirat(s->fd, id, 0755));
	auto_closep(&s->deployment_fd);
	s->deployment_fd = opened(s, id);
	assert_int_equal(0, tree_scan(s->bundle_fd, 1000, &tree, err));

	const struct plan_input in = {
		.appspec = spec,
		.tree = &tree,
		.archive = archive,
		.digests = s->digests,
		.manifest = manifest,
		.world = &s->world,
		.behavior = FILE_EXISTS_DISALLOW,
		.install_prefix = prefix,
		.umask = 022,
		.uid = geteuid(),
		.gid = getegid(),
	};
	const struct install_place where = {
		.deployment_fd = s->deployment_fd,
		.deployment_path = path,
		.deployment_id = id + strlen("state/"),
		.instructions_fd = s->state_fd,
		.group = GROUP,
		.previous = s->previous,
		.spared = spared,
		.context = s,
	};
	const struct stage_options options = { .archive_fd = s->bundle_fd, .digests = s->digests };

	if (plan_build(&in, &plan, err) < 0)
		return -1;
	s->counts = plan->counts;
	if (install_run(plan, &where, &options, &install, &s->outcome, err) < 0)
		return -1;
	for (size_t i = 0; s->undo && i < ARRAY_LEN(s->meanwhile) && s->meanwhile[i]; i++)
		put(s, s->meanwhile[i], "somebody's");
	if (s->undo)
		return install_undo(install, &s->outcome, err) < 0 ? -1 : install_end(install, err);
	free(s->previous);
	s->previous = xstrdup(path);
	return install_end(install, err);
}

static void deployed(struct scene *s, const char *destination, const char *permissions)
{
	struct err err;

	if (deploy(s, destination, permissions, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(INSTALL_DONE, s->outcome);
}

static void assert_counts(const struct scene *s, uint64_t added, uint64_t changed, uint64_t unchanged, uint64_t removed)
{
	assert_int_equal(added, s->counts.added);
	assert_int_equal(changed, s->counts.changed);
	assert_int_equal(unchanged, s->counts.unchanged);
	assert_int_equal(removed, s->counts.removed);
}

/* Into a folder that is made, so moved as a whole; and into one that is there, so moved one by one. */
static const char *const destinations[] = { "app", "" };

static void the_same_bundle_again_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		AUTO(scene_done) struct scene s;

		scene_init(&s);
		deployed(&s, destinations[i], "");
		assert_counts(&s, 4, 0, 0, 0);
		deployed(&s, destinations[i], "");
		assert_counts(&s, 0, 0, 4, 0);
		deployed(&s, destinations[i], "");
		assert_counts(&s, 0, 0, 4, 0);
	}
}

static void what_was_written_to_since_is_installed_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		AUTO(scene_done) struct scene s;
		AUTO_FREE char *a = xasprintf("world/%s/a", destinations[i]);
		AUTO_FREE char *m = xasprintf("world/%s/d/m", destinations[i]);
		struct stat st;

		scene_init(&s);
		deployed(&s, destinations[i], "");
		put(&s, a, "b"); /* as long as before */
		assert_int_equal(0, unlinkat(s.fd, m, 0));
		assert_int_equal(0, symlinkat("b", s.fd, m));
		deployed(&s, destinations[i], "");
		assert_counts(&s, 0, 2, 2, 0);
		assert_int_equal(0, fstatat(s.fd, a, &st, 0));

		AUTO_FD int fd = openat(s.fd, a, O_RDONLY | O_CLOEXEC);
		char text[8] = "";

		assert_int_equal(1, read(fd, text, sizeof(text)));
		assert_string_equal("a", text);
	}
}

/* Somebody writes into a file in the moment between its rename and the look that the manifest takes at it. */
struct writer {
	const struct scene *s;
	int done;
};

static int pass(void *context, const struct fs_call *call)
{
	(void)context, (void)call;
	return 0;
}

static void write_after_rename(void *context, const struct fs_call *call, int result)
{
	struct writer *w = context;

	if (call->op == FS_RENAME && result == 0 && !w->done && call->to_name && !strcmp(call->to_name, "a")) {
		w->done = 1;
		put(w->s, "world/a", "b");
	}
}

static void a_write_while_the_install_ends_is_not_taken_for_ours(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_init(&s);

	struct writer w = { &s, 0 };
	const struct fs_observer observer = { pass, write_after_rename, &w };

	fs_observe(&observer);
	deployed(&s, "", "");
	fs_observe(NULL);
	assert_int_equal(1, w.done);
	deployed(&s, "", "");
	assert_counts(&s, 0, 1, 3, 0);
}

static void what_the_user_deleted_comes_back_and_what_is_gone_goes(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	scene_init(&s);
	deployed(&s, "app", "");
	assert_int_equal(0, fs_remove_tree(s.fd, "world/app", &err));
	assert_int_equal(0, unlinkat(s.fd, "bundle/d/b", 0));
	deployed(&s, "app", "");
	assert_counts(&s, 3, 0, 0, 0);
	assert_int_equal(0, fs_remove_tree(s.fd, "bundle/d", &err));
	deployed(&s, "app", "");
	assert_counts(&s, 0, 0, 2, 1);
	assert_int_equal(-1, fstatat(s.fd, "world/app/d", &st, AT_SYMLINK_NOFOLLOW));
}

static void nothing_private_is_left_and_the_records_are_there(void **state)
{
	static const char *const records[] = { GROUP "_last_successful_install", GROUP "-install.json",
					       GROUP "-cleanup" };
	AUTO(scene_done) struct scene s;
	struct stat st;

	(void)state;
	scene_init(&s);
	deployed(&s, "app", "");
	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		assert_int_equal(0, fstatat(s.state_fd, records[i], &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(0, fstatat(s.deployment_fd, INSTALL_MANIFEST, &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(-1, fstatat(s.deployment_fd, "manifest.staged", &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(-1, fstatat(s.deployment_fd, "manifest.moved", &st, AT_SYMLINK_NOFOLLOW));

	DIR *dir = fdopendir(opened(&s, "world"));

	for (const struct dirent *e; (e = readdir(dir));)
		assert_true(!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !strcmp(e->d_name, "app"));
	(void)closedir(dir);
}

static void links_and_folders_take_the_group_of_a_setgid_folder(void **state)
{
	AUTO(scene_done) struct scene s;
	struct stat st;

	(void)state;
	if (geteuid()) {
		print_message("SKIPPED: %s needs root\n", __func__);
		return;
	}
	scene_init(&s);
	assert_int_equal(0, fchownat(s.fd, "world", 0, 12345, 0));
	assert_int_equal(0, fchmodat(s.fd, "world", 02755, 0));
	deployed(&s, "app", "");
	deployed(&s, "", "");
	assert_counts(&s, 4, 0, 0, 4);
	deployed(&s, "", "");
	assert_counts(&s, 0, 0, 4, 0);
	for (const char *const *l = (const char *const[]){ "world/l", "world/d/m", NULL }; *l; l++) {
		assert_int_equal(0, fstatat(s.fd, *l, &st, AT_SYMLINK_NOFOLLOW));
		assert_int_equal(12345, st.st_gid);
	}
	assert_int_equal(0, fstatat(s.fd, "world/d", &st, 0));
	assert_int_equal(12345, st.st_gid);
	assert_int_equal(02755, st.st_mode & 07777);
}

/* The access and default ACLs of a folder, "" when it has none; NULL where the file system knows none. */
static char *acl_of(const struct scene *s, const char *name)
{
	AUTO_FD int fd = opened(s, name);

	return fs_get_acl(fd);
}

static void an_acl_comes_with_one_revision_and_goes_with_the_next(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_init(&s);

	AUTO_FREE char *known = acl_of(&s, "world");

	if (!known) {
		print_message("SKIPPED: no POSIX ACLs on this file system\n");
		return;
	}
	deployed(&s, "app", "");
	deployed(&s, "app",
		 "permissions:\n- {object: /app, type: [directory], acls: ['u:root:7', 'd:u:root:7'], mode: 750}\n");

	AUTO_FREE char *with = acl_of(&s, "world/app/d");

	assert_string_equal("user::rwx,user:0:rwx,group::r-x,mask::r-x,other::---|"
			    "user::rwx,user:0:rwx,group::r-x,mask::r-x,other::---",
			    with);
	deployed(&s, "app", "");

	AUTO_FREE char *without = acl_of(&s, "world/app/d");
	struct stat st;

	assert_string_equal("", without);
	assert_int_equal(0, fstatat(s.fd, "world/app/d", &st, 0));
	assert_int_equal(0755, st.st_mode & 07777);
}

static void a_refused_install_changes_nothing(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err;
	struct stat before, after;

	(void)state;
	scene_init(&s);
	put(&s, "world/a", "mine");
	assert_int_equal(0, fstatat(s.fd, "world", &before, 0));
	assert_int_equal(-1, deploy(&s, "", "", &err));
	assert_int_equal(ERR_EXISTS, err.kind);
	assert_int_equal(0, fstatat(s.fd, "world", &after, 0));
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(after.st_mtim));
}

static bool there(const struct scene *s, const char *name)
{
	struct stat st;

	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static char *text_of(const struct scene *s, const char *name)
{
	struct str text = STR_INIT(1024 * 1024);
	struct err err = ERR_INIT;

	if (fs_read_file(s->fd, name, &text, &err) < 0)
		fail_msg("%s", err.msg);
	return str_take(&text);
}

static void undo_next(struct scene *s, const char *destination)
{
	struct err err;

	s->undo = true;
	if (deploy(s, destination, "", &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(INSTALL_UNDONE, s->outcome);
	s->undo = false;
}

static void a_committed_install_can_be_undone_with_its_records(void **state)
{
	static const char *const names[] = { "state/" GROUP "_last_successful_install", "state/" GROUP "-install.json",
					     "state/" GROUP "-cleanup", "world/app/a" };

	(void)state;
	for (int first = 0; first < 2; first++) {
		AUTO(scene_done) struct scene s;
		char *before[ARRAY_LEN(names)] = { NULL };

		scene_init(&s);
		if (!first)
			deployed(&s, "app", "");
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			before[i] = text_of(&s, names[i]);
		put(&s, "bundle/a", "a, second");
		put(&s, "bundle/new", "new");
		undo_next(&s, "app");
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			AUTO_FREE char *now = text_of(&s, names[i]);

			assert_string_equal(before[i], now);
			assert_int_equal(!first, there(&s, names[i]));
			free(before[i]);
		}
		assert_false(there(&s, "world/app/new"));
		assert_int_equal(!first, there(&s, "world/app"));
		assert_null(s.spared);
	}
}

static void undoing_leaves_what_others_put_into_a_new_folder(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_init(&s);
	s.meanwhile[0] = "world/app/d/theirs";
	s.meanwhile[1] = "world/app/a"; /* ours, however it was written to */
	undo_next(&s, "app");
	assert_true(there(&s, "world/app/d/theirs"));
	assert_false(there(&s, "world/app/a"));
	assert_false(there(&s, "world/app/d/b"));
	assert_false(there(&s, "world/app/l"));
	assert_string_equal("app", s.spared);
}

/* A file of the old revision comes back where the new one has a folder that others put something into. */
static void undoing_moves_others_aside_where_an_old_file_belongs(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_init(&s);
	assert_int_equal(0, fs_remove_tree(s.fd, "bundle/d", &err));
	put(&s, "bundle/d", "a file");
	deployed(&s, "app", "");
	assert_int_equal(0, unlinkat(s.fd, "bundle/d", 0));
	assert_int_equal(0, mkdirat(s.fd, "bundle/d", 0755));
	put(&s, "bundle/d/b", "b");
	s.meanwhile[0] = "world/app/d/theirs";
	undo_next(&s, "app");

	AUTO_FREE char *text = text_of(&s, "world/app/d");

	assert_string_equal("a file", text);
	assert_true(there(&s, "world/app/d.left-by-d-2/theirs"));
	assert_false(there(&s, "world/app/d.left-by-d-2/b"));
}

struct found {
	const char *path; /* its end */
	unsigned flags;
	unsigned matches, others;
};

static void note_drift(void *context, const struct drift *d)
{
	struct found *f = context;

	if (str_ends(d->path, f->path) && d->flags == f->flags)
		f->matches++;
	else
		f->others++;
}

static void drift_finds_what_has_become_of_each_entry(void **state)
{
	static const struct {
		const char *why, *command, *path;
		unsigned flags;
	} cases[] = {
		{ "nothing has happened", ":", NULL, 0 },
		{ "touched, with the same content", "touch a", NULL, 0 },
		{ "a copy in its place", "cp a x && mv x a", NULL, 0 },
		{ "other content of the same size", "printf b >a", "/app/a", DRIFT_CONTENT },
		{ "more content", "printf bb >>a", "/app/a", DRIFT_CONTENT },
		{ "removed", "rm d/b", "/app/d/b", DRIFT_MISSING },
		{ "another mode", "chmod 600 a", "/app/a", DRIFT_MODE },
		{ "another mode of a folder", "chmod 700 d", "/app/d", DRIFT_MODE },
		{ "leads elsewhere", "ln -sfn x l", "/app/l", DRIFT_LINK },
		{ "leads there again", "ln -sfn a l", NULL, 0 },
		{ "a folder in its place", "rm a && mkdir a", "/app/a", DRIFT_TYPE },
		{ "somebody's file beside it", "touch theirs", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scene_done) struct scene s;
		AUTO(manifest_freep) struct manifest *m = NULL;
		AUTO_FREE char *command = NULL;
		struct found found = { cases[i].path ? cases[i].path : "", cases[i].flags, 0, 0 };
		uint64_t count, checked;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		scene_init(&s);
		deployed(&s, "app", "");
		command = xasprintf("cd '%s/world/app' && %s", s.path, cases[i].command);
		assert_int_equal(0, system(command));
		assert_int_equal(1, manifest_open(s.deployment_fd, INSTALL_MANIFEST, &m, &err));
		assert_int_equal(0, drift_check(m, note_drift, &found, &count, &checked, &err));
		assert_int_equal(6, checked);
		assert_int_equal(cases[i].path ? 1 : 0, count);
		assert_int_equal(cases[i].path ? 1 : 0, found.matches);
		assert_int_equal(0, found.others);
	}
}

static void recovery_finds_nothing_to_do_after_the_end(void **state)
{
	AUTO(scene_done) struct scene s;
	enum install_outcome outcome;
	struct err err = ERR_INIT;

	(void)state;
	scene_init(&s);
	deployed(&s, "app", "");

	const struct install_place where = {
		.deployment_fd = s.deployment_fd,
		.deployment_path = "/nowhere",
		.deployment_id = "d-1",
		.instructions_fd = s.state_fd,
		.group = GROUP,
	};

	assert_int_equal(0, install_recover(&where, false, &outcome, &err));
	assert_int_equal(INSTALL_DONE, outcome);
	assert_int_equal(0, unlinkat(s.deployment_fd, "journal", 0));
	assert_int_equal(0, install_recover(&where, false, &outcome, &err));
	assert_int_equal(INSTALL_UNTOUCHED, outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bundle_again_changes_nothing),
		cmocka_unit_test(what_was_written_to_since_is_installed_again),
		cmocka_unit_test(a_write_while_the_install_ends_is_not_taken_for_ours),
		cmocka_unit_test(what_the_user_deleted_comes_back_and_what_is_gone_goes),
		cmocka_unit_test(nothing_private_is_left_and_the_records_are_there),
		cmocka_unit_test(links_and_folders_take_the_group_of_a_setgid_folder),
		cmocka_unit_test(an_acl_comes_with_one_revision_and_goes_with_the_next),
		cmocka_unit_test(a_refused_install_changes_nothing),
		cmocka_unit_test(a_committed_install_can_be_undone_with_its_records),
		cmocka_unit_test(undoing_leaves_what_others_put_into_a_new_folder),
		cmocka_unit_test(undoing_moves_others_aside_where_an_old_file_belongs),
		cmocka_unit_test(drift_finds_what_has_become_of_each_entry),
		cmocka_unit_test(recovery_finds_nothing_to_do_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
