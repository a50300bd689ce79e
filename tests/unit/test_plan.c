/* What an install would do: attributes, what counts as changed, the prefix, counts, and what ends a plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_help.h"

static void assert_attributes(const struct plan *p, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct plan_attributes a;

	plan_attributes(p, node_at(p, path), &a);
	print_message("  %s is %04o %u:%u\n", path, a.mode, a.uid, a.gid);
	assert_int_equal(mode, a.mode);
	assert_int_equal(uid, a.uid);
	assert_int_equal(gid, a.gid);
}

static struct tree_entry *entry_at(struct host *h, const char *path)
{
	uint32_t i = tree_find(&h->bundle.tree, path);

	assert_int_not_equal(TREE_NONE, i);
	return &h->bundle.tree.entries[i];
}

static void give(struct tree_entry *e, unsigned mode, uint32_t uid, uint32_t gid)
{
	e->mode = (uint16_t)mode;
	e->uid = uid;
	e->gid = gid;
}

static void files_bring_their_attributes_and_folders_have_the_agents(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/d/f=1 w/s=2 w/l->f", "/srv/", NULL, FILES PUT("w", "/srv"));
	give(entry_at(&h, "w/d"), 0711, 7, 8);
	give(entry_at(&h, "w/d/f"), 0640, 7, 8);
	give(entry_at(&h, "w/s"), 06755, 7, 8);
	give(entry_at(&h, "w/l"), 0777, 7, 8);
	h.in.umask = 027;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/d", 0750, 0, 0);
	assert_attributes(h.plan, "/srv/d/f", 0640, 7, 8);
	assert_attributes(h.plan, "/srv/s", 06755, 7, 8);
	assert_attributes(h.plan, "/srv/l", 0777, 0, 0);
	host_done(&h);
}

static void without_root_everything_is_the_users_own(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/f=1 w/s=2 w/own=3 w/group=4", "/srv/", NULL, FILES PUT("w", "/srv"));
	give(entry_at(&h, "w/f"), 0640, 7, 8);
	give(entry_at(&h, "w/s"), 06755, 7, 8);
	give(entry_at(&h, "w/own"), 04755, 500, 600);
	give(entry_at(&h, "w/group"), 06755, 500, 8);
	h.in.uid = 500;
	h.in.gid = 600;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/group", 0755, 500, 600);
	assert_attributes(h.plan, "/srv/f", 0640, 500, 600);
	assert_attributes(h.plan, "/srv/s", 0755, 500, 600);
	assert_attributes(h.plan, "/srv/own", 04755, 500, 600);
	host_done(&h);

	host_init(&h, "w/f=1", "/srv/", NULL, FILES PUT("w", "/srv") PERMISSIONS PERMIT("/srv", "owner: bob"));
	h.in.uid = 500;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_non_null(strstr(err.msg, "only root gives files away"));
	h.in.uid = 1001;
	assert_int_equal(0, host_plan(&h, &err));
	host_done(&h);
}

static void a_new_owner_clears_what_chown_clears_unless_the_mode_is_given(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/a=1 w/b=2 w/c=3 w/l->a", "/srv/", NULL,
		  FILES PUT("w", "/srv") PERMISSIONS PERMIT("/srv", "pattern: a, owner: bob, group: web")
			  PERMIT("/srv", "pattern: b, owner: bob, mode: 6711") PERMIT("/srv", "pattern: c, group: web")
				  PERMIT("/srv", "pattern: l, owner: bob, mode: 600"));
	give(entry_at(&h, "w/a"), 06755, 7, 8);
	give(entry_at(&h, "w/b"), 0644, 7, 8);
	give(entry_at(&h, "w/c"), 06745, 7, 8);
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/a", 0755, 1001, 2001);
	assert_attributes(h.plan, "/srv/b", 06711, 1001, 8);
	assert_attributes(h.plan, "/srv/c", 02745, 7, 2001); /* setgid without group execution is a lock, and stays */
	assert_attributes(h.plan, "/srv/l", 0777, 1001, 0);
	host_done(&h);
}

static void each_setgid_folder_hands_down_its_own_group(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/e/", "/one/ /two/ /three/", NULL, FILES PUT("w", "/one") PUT("w", "/two") PUT("w", "/three"));
	fake_find(&h.disk, "/one")->entry.mode = 02755;
	fake_find(&h.disk, "/one")->entry.gid = 71;
	fake_find(&h.disk, "/two")->entry.mode = 02755;
	fake_find(&h.disk, "/two")->entry.gid = 72;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/one/e", 02755, 0, 71);
	assert_attributes(h.plan, "/two/e", 02755, 0, 72);
	assert_attributes(h.plan, "/three/e", 0755, 0, 0);
	host_done(&h);
}

static void a_setgid_folder_hands_its_group_down(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/d/e/f=1 w/d/x->gone w/y->gone", "/srv/app/", NULL,
		  FILES PUT("w", "/srv/app") PERMISSIONS PERMIT("/srv/app/d", "pattern: e, mode: 700"));
	fake_find(&h.disk, "/srv/app")->entry.mode = 02775;
	fake_find(&h.disk, "/srv/app")->entry.gid = 77;
	assert_int_equal(0, host_plan(&h, &err));
	assert_attributes(h.plan, "/srv/app/d", 02755, 0, 77);
	assert_attributes(h.plan, "/srv/app/d/e", 0700, 0, 77);
	assert_attributes(h.plan, "/srv/app/d/e/f", 0644, 0, 0);
	assert_attributes(h.plan, "/srv/app/d/x", 0777, 0, 77);
	assert_attributes(h.plan, "/srv/app/y", 0777, 0, 77);
	host_done(&h);
}

/* Unchanged or not */

struct manifest_of_a {
	struct manifest_entry entries[4];
	struct manifest manifest;
};

/* The manifest that an install of `w/a=one w/l->a` into /srv/app left, where /srv/app was made. */
static void manifest_as_installed(struct manifest_of_a *m, const struct fake_world *disk)
{
	static const char pool[] = "\0srv\0a\0l\0user:bob:rwx";

	*m = (struct manifest_of_a){ 0 };
	m->manifest = (struct manifest){ .entries = m->entries, .count = 4, .pool = pool, .pool_len = sizeof(pool) };
	m->entries[0].type = m->entries[1].type = TREE_DIRECTORY;
	m->entries[1].name = 1;
	for (uint32_t i = 2; i < 4; i++) {
		const struct disk_entry *d = &disk->items[i - 1].entry;

		m->entries[i] = (struct manifest_entry){ .parent = 1,
							 .name = i == 2 ? 5 : 7,
							 .text = i == 2 ? 0 : 5,
							 .mode = (uint16_t)d->mode,
							 .type = i == 2 ? TREE_FILE : TREE_LINK,
							 .flags = MANIFEST_OURS | (i == 2 ? MANIFEST_HAS_DIGEST : 0),
							 .dev = d->dev,
							 .ino = d->ino,
							 .size = d->size,
							 .mtime_ns = d->mtime_ns,
							 .ctime_ns = d->ctime_ns };
	}
	fake_digest("one", m->entries[2].digest);
}

static const struct {
	const char *why;
	size_t offset; /* in the manifest's entry: what differs from what is there */
	size_t size;
	bool link;
} differences[] = {
	{ "the device", offsetof(struct manifest_entry, dev), 8, true },
	{ "the inode", offsetof(struct manifest_entry, ino), 8, true },
	{ "the size", offsetof(struct manifest_entry, size), 8, false },
	{ "the time of modification", offsetof(struct manifest_entry, mtime_ns), 8, false },
	{ "the time of change", offsetof(struct manifest_entry, ctime_ns), 8, true },
	{ "the mode", offsetof(struct manifest_entry, mode), 2, false },
	{ "the owner", offsetof(struct manifest_entry, uid), 4, true },
	{ "the group", offsetof(struct manifest_entry, gid), 4, true },
	{ "the ACL", offsetof(struct manifest_entry, acl), 4, true },
	{ "the content", offsetof(struct manifest_entry, digest), 1, false },
	{ "whether it is ours", offsetof(struct manifest_entry, flags), 1, true },
	{ "what it is", offsetof(struct manifest_entry, type), 1, true },
};

static void any_single_difference_makes_it_changed(void **state)
{
	struct host h;
	struct err err;
	struct manifest_of_a m;

	(void)state;
	host_init(&h, "w/a=one w/l->a", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.behavior = OVERWRITE;
	h.in.manifest = &m.manifest;
	manifest_as_installed(&m, &h.disk);
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *same = shown(h.plan);

	assert_string_equal("=f/srv/a =l/srv/l", same);
	assert_int_equal(2, h.plan->counts.unchanged);
	assert_int_equal(0, h.plan->counts.bytes);
	for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
		print_message("  %s\n", differences[i].why);
		manifest_as_installed(&m, &h.disk);
		((unsigned char *)&m.entries[2])[differences[i].offset] ^= 1;
		((unsigned char *)&m.entries[3])[differences[i].offset] ^= 1;
		if (differences[i].offset == offsetof(struct manifest_entry, acl))
			m.entries[2].acl = m.entries[3].acl = 9;
		assert_int_equal(0, host_plan(&h, &err));

		AUTO_FREE char *text = shown(h.plan);

		assert_string_equal(differences[i].link ? "~f/srv/a ~l/srv/l" : "~f/srv/a =l/srv/l", text);
	}
	host_done(&h);
}

static void a_different_bundle_makes_it_changed(void **state)
{
	struct host h;
	struct err err;
	struct manifest_of_a m;

	(void)state;
	host_init(&h, "w/a=two w/l->b", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.manifest = &m.manifest;
	manifest_as_installed(&m, &h.disk);
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *content = shown(h.plan);

	assert_string_equal("~f/srv/a ~l/srv/l", content);
	assert_int_equal(3, h.plan->counts.bytes);
	host_done(&h);

	host_init(&h, "w/a=one w/l->a", "/srv/ /srv/a=one /srv/l->a", NULL, FILES PUT("w", "/srv"));
	h.in.manifest = &m.manifest;
	h.in.digests = NULL; /* nobody has looked into the bundle's files: they may hold anything */
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *unknown = shown(h.plan);

	assert_string_equal("~f/srv/a =l/srv/l", unknown);
	h.in.digests = h.bundle.digests;
	entry_at(&h, "w/a")->mtime_ns++;
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *newer = shown(h.plan);

	assert_string_equal("~f/srv/a =l/srv/l", newer);
	host_done(&h);
}

#define OWN_FOLDER FILES PUT("w", "/srv")

static const struct {
	const char *why, *spec;
	mode_t mode; /* of what stands there; it was made 0755 for 0 and 0 */
	uid_t uid;
	gid_t gid;
	bool had_acl, has_acl; /* by the last manifest, on the disk */
	const char *want;
} folders[] = {
	{ "as it was made", OWN_FOLDER, 0755, 0, 0, false, false, "=d/srv/d ~f/srv/d/a" },
	{ "another mode", OWN_FOLDER, 0700, 0, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "another owner", OWN_FOLDER, 0755, 5, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "another group", OWN_FOLDER, 0755, 0, 5, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that it is to have", OWN_FOLDER PERMISSIONS PERMIT("/srv", "type: [directory], acls: ['bob:r']"),
	  0755, 0, 0, false, false, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that it is not to have any more", OWN_FOLDER, 0755, 0, 0, true, true, "@d/srv/d ~f/srv/d/a" },
	{ "a permission that says nothing of ACLs",
	  OWN_FOLDER PERMISSIONS PERMIT("/srv", "type: [directory], mode: 755"), 0755, 0, 0, false, false,
	  "=d/srv/d ~f/srv/d/a" },
	{ "an ACL that somebody gave it", OWN_FOLDER, 0755, 0, 0, false, true, "@d/srv/d ~f/srv/d/a" },
	{ "an ACL that somebody has taken from it already", OWN_FOLDER, 0755, 0, 0, true, false,
	  "=d/srv/d ~f/srv/d/a" },
};

static void a_folder_of_ours_gets_its_attributes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		static const char pool[] = "\0srv\0d\0a\0user:bob:r--";
		struct manifest_entry entries[] = {
			{ .type = TREE_DIRECTORY },
			{ .name = 1, .type = TREE_DIRECTORY },
			{ .parent = 1,
			  .name = 5,
			  .type = TREE_DIRECTORY,
			  .flags = MANIFEST_OURS,
			  .acl = folders[i].had_acl ? 9 : 0 },
			{ .parent = 2, .name = 7, .type = TREE_FILE, .flags = MANIFEST_OURS },
		};
		struct manifest m = { .entries = entries, .count = 4, .pool = pool, .pool_len = sizeof(pool) };
		struct host h;
		struct err err;

		print_message("  %s\n", folders[i].why);
		host_init(&h, "w/d/a=1", "/srv/d/a=x", NULL, folders[i].spec);
		fake_find(&h.disk, "/srv/d")->entry.mode = folders[i].mode;
		fake_find(&h.disk, "/srv/d")->has_acl = folders[i].has_acl;
		fake_find(&h.disk, "/srv/d")->entry.uid = folders[i].uid;
		fake_find(&h.disk, "/srv/d")->entry.gid = folders[i].gid;
		h.in.manifest = &m;
		assert_int_equal(0, host_plan(&h, &err));

		AUTO_FREE char *text = shown(h.plan);

		assert_string_equal(folders[i].want, text);
		host_done(&h);
	}
}

/* The rest */

static void the_prefix_goes_before_destinations_and_objects(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/try/ /try/srv->/etc /etc/", NULL,
		  FILES PUT("a", "/../../opt") PERMISSIONS PERMIT("/opt", "mode: 700"));
	h.in.install_prefix = "/try";
	assert_int_equal(0, host_plan(&h, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal("+d/try/opt +f/try/opt/a", text);
	assert_attributes(h.plan, "/try/opt/a", 0700, 0, 0);
	host_done(&h);
}

static void a_relative_destination_is_warned_about(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/srv/", NULL, FILES PUT("a", "srv"));
	assert_int_equal(0, host_plan(&h, &err));
	assert_int_equal(1, h.plan->findings.count);
	assert_int_equal(FINDING_WARNING, h.plan->findings.items[0].level);
	assert_int_equal(4, h.plan->findings.items[0].place.line);
	assert_string_equal("destination 'srv' is relative; it is taken as '/srv'", h.plan->findings.items[0].message);
	host_done(&h);
}

static void the_counts_add_up(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "w/a=1 w/b=22 w/c=333 w/d/e=4444", "/srv/a=x /srv/b=x /srv/old=x /srv/od/x=x",
		  "/srv/b /srv/old /srv/od /srv/od/x", FILES PUT("w", "/srv"));
	h.in.behavior = RETAIN;
	assert_int_equal(0, host_plan(&h, &err));
	assert_int_equal(4, h.plan->counts.planned);
	assert_int_equal(2, h.plan->counts.added);
	assert_int_equal(1, h.plan->counts.changed);
	assert_int_equal(0, h.plan->counts.unchanged);
	assert_int_equal(1, h.plan->counts.retained);
	assert_int_equal(2, h.plan->counts.removed);
	assert_int_equal(1, h.plan->counts.folders);
	assert_int_equal(9, h.plan->counts.bytes);
	host_done(&h);
}

static const struct {
	const char *why, *spec;
	enum err_kind kind;
	size_t hard;
} kinds[] = {
	{ "a conflict that a hook may clear away", FILES PUT("a", "/srv"), ERR_EXISTS, 0 },
	{ "a source that a hook may bring", FILES PUT("b", "/opt") PUT("a", "/srv"), ERR_NOT_READY, 0 },
	{ "an appspec that no hook can cure", FILES PUT("a", "/srv") PUT("a", "/opt") PUT("a", "/opt"), ERR_EXISTS, 1 },
	{ "a user that a hook may make", FILES PUT("a", "/opt") PERMISSIONS PERMIT("/opt", "owner: no"), ERR_NOT_READY,
	  0 },
};

static void what_a_hook_could_still_cure_is_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", kinds[i].why);
		host_init(&h, "a=1", "/srv/a=x", NULL, kinds[i].spec);
		assert_int_equal(-1, host_plan(&h, &err));
		assert_int_equal(kinds[i].kind, err.kind);
		assert_int_equal(kinds[i].hard, h.plan->hard);
		host_done(&h);
	}
}

static void a_disk_that_does_not_answer_ends_the_plan(void **state)
{
	struct host h;
	struct err err;

	(void)state;
	host_init(&h, "a=1", "/srv/", "/srv/a", FILES PUT("a", "/srv"));
	h.disk.broken = true;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_string_equal("the disk does not answer", err.msg);
	assert_non_null(h.plan);
	host_done(&h);

	host_init(&h, "a=1", "/srv/", NULL, FILES PUT("b", "srv") PUT("a", "/srv"));
	h.disk.broken = true;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_null(strstr(err.msg, "relative")); /* a warning is no cause */
	host_done(&h);
}

static void a_destination_or_an_object_longer_than_a_path_can_be_is_refused(void **state)
{
	AUTO_FREE char *deep = xcalloc(1, 5000);
	struct host h;
	struct err err;

	(void)state;
	memset(deep, 'a', 4999);

	AUTO_FREE char *destination = xasprintf(FILES "- {source: a, destination: /%s}\n", deep);
	AUTO_FREE char *object = xasprintf(FILES PUT("a", "/srv") PERMISSIONS "- {object: /%s, mode: 644}\n", deep);

	host_init(&h, "a=1", "/srv/", NULL, destination);
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);

	host_init(&h, "a=1", "/srv/", NULL, object);
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);
}

/* Folders chained by links: each is copied into the one before, and so deeper and deeper. */
static void a_destination_deeper_than_a_path_can_be_is_refused(void **state)
{
	enum { LONG = 3000 };
	struct host h;
	struct err err;
	struct tree *t = &h.bundle.tree;

	(void)state;
	host_init(&h, "", "/srv/", NULL, FILES PUT("0", "/srv"));
	for (uint32_t i = 0; i < LONG; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", i);
		t->entries = xrealloc(t->entries, (t->count + 1) * sizeof(*t->entries));
		t->entries[t->count++] = (struct tree_entry){
			.name = fake_keep(t, name), .type = TREE_DIRECTORY, .first = 1 + LONG + i, .count = 1
		};
	}
	t->entries[0].first = 1;
	t->entries[0].count = LONG;
	for (uint32_t i = 0; i < LONG; i++) {
		t->entries = xrealloc(t->entries, (t->count + 1) * sizeof(*t->entries));
		t->entries[t->count++] = (struct tree_entry){ .parent = 1 + i,
							      .name = fake_keep(t, "d"),
							      .type = TREE_DIRECTORY,
							      .first = 2 + LONG + i,
							      .count = 1 };
	}
	t->entries[2 * LONG].count = 0;
	assert_int_equal(-1, host_plan(&h, &err));
	assert_int_equal(ERR_BUNDLE, err.kind);
	assert_non_null(strstr(err.msg, "longer than 4095 bytes"));
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_bring_their_attributes_and_folders_have_the_agents),
		cmocka_unit_test(without_root_everything_is_the_users_own),
		cmocka_unit_test(a_new_owner_clears_what_chown_clears_unless_the_mode_is_given),
		cmocka_unit_test(a_setgid_folder_hands_its_group_down),
		cmocka_unit_test(each_setgid_folder_hands_down_its_own_group),
		cmocka_unit_test(any_single_difference_makes_it_changed),
		cmocka_unit_test(a_different_bundle_makes_it_changed),
		cmocka_unit_test(a_folder_of_ours_gets_its_attributes_back),
		cmocka_unit_test(the_prefix_goes_before_destinations_and_objects),
		cmocka_unit_test(a_relative_destination_is_warned_about),
		cmocka_unit_test(the_counts_add_up),
		cmocka_unit_test(what_a_hook_could_still_cure_is_told_apart),
		cmocka_unit_test(a_disk_that_does_not_answer_ends_the_plan),
		cmocka_unit_test(a_destination_or_an_object_longer_than_a_path_can_be_is_refused),
		cmocka_unit_test(a_destination_deeper_than_a_path_can_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
