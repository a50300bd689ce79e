/* A plan's id is another one as soon as something that counts has changed, and its halves tell what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_world.h"
#include "lifecycle/event.h"
#include "model/names.h"
#include "util/auto.h"
#include "worker/plan_compare.h"

#define HEAD "version: 0.0\nos: linux\nfiles:\n- {source: web, destination: /srv/app}\n"
#define EVE  "permissions:\n- {object: /srv/app, pattern: '**', owner: eve, type: [file]}\n"

struct host { /* everything that goes into an id */
	struct fake_world disk;
	struct revision_files files;
	struct deployment deployment;
	struct manifest *manifest;
	const char *const *order;
	const char *previous;
	struct plan_input in;
	struct plan *plan;
};

static struct tree_entry *in_bundle(struct host *h, const char *path)
{
	uint32_t at = tree_find(&h->files.tree, path);

	assert_int_not_equal(TREE_NONE, at);
	return &h->files.tree.entries[at];
}

static struct disk_entry *on_disk(struct host *h, const char *path)
{
	struct fake_entry *e = fake_find(&h->disk, path);

	assert_non_null(e);
	return &e->entry;
}

struct words {
	const char *bundle, *disk, *ours, *appspec; /* NULL: as usual */
};

static void host_init(struct host *h, const struct words *w)
{
	const char *ours = w->ours ? w->ours : "/srv/app/a\n/srv/app/d\n/srv/app/gone\n";
	const char *text = w->appspec ? w->appspec : HEAD;
	struct findings findings = { 0 };
	struct fake_bundle bundle;
	struct err err = ERR_INIT;

	*h = (struct host){ .order = event_default_order(), .previous = "/root/g/d-1" };
	fake_bundle_init(&bundle, w->bundle ? w->bundle : "web/a=1 web/b=22 web/d/ web/l->a stop.sh=x");
	fake_world_init(&h->disk, w->disk ? w->disk : "/srv/app/a=old /srv/app/d/ /srv/app/theirs=1 /srv/other=1");
	if (appspec_parse(text, strlen(text), &h->files.appspec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);
	h->files.archive_fd = -1;
	h->files.tree = bundle.tree;
	h->files.digests = bundle.digests;
	h->files.appspec_name = xstrdup("appspec.yml");
	h->deployment.group = xstrdup("g");
	h->deployment.revision.location = xstrdup("/b.tgz");
	h->manifest = manifest_from_cleanup(ours, strlen(ours), NULL);
	h->in = (struct plan_input){
		.appspec = h->files.appspec,
		.tree = &h->files.tree,
		.archive = "/archive",
		.manifest = h->manifest,
		.world = &h->disk.world,
		.behavior = FILE_EXISTS_DISALLOW,
		.install_prefix = "",
		.umask = 022,
	};
}

static void host_done(struct host *h)
{
	plan_free(h->plan);
	manifest_free(h->manifest);
	fake_world_done(&h->disk);
	deployment_done(&h->deployment);
	revision_files_done(&h->files);
}

/* What stands in the way is no obstacle: a plan that cannot be carried out has an id, too. */
static struct plan_basis basis_of(struct host *h)
{
	struct err ignored = ERR_INIT;

	h->in.digests = h->files.digests;
	plan_free(h->plan);
	(void)plan_build(&h->in, &h->plan, &ignored);
	return (struct plan_basis){ h->plan, &h->files, &h->deployment, h->order, h->previous };
}

static void id_of(struct host *h, char out[PLAN_ID_SIZE])
{
	const struct plan_basis basis = basis_of(h);
	struct err err = ERR_INIT;

	if (plan_id(&basis, out, &err) < 0)
		fail_msg("%s", err.msg);
}

/* What may change without the words changing. */

static void nothing(struct host *h)
{
	(void)h;
}

static void a_mode_of_the_bundle(struct host *h)
{
	in_bundle(h, "web/a")->mode = 0755;
}

static void a_mode_that_nobody_installs(struct host *h)
{
	in_bundle(h, "stop.sh")->mode = 0755;
}

static void an_owner_of_the_bundle(struct host *h)
{
	in_bundle(h, "web/a")->uid = 33;
}

static void a_time_of_the_bundle(struct host *h)
{
	in_bundle(h, "web/a")->mtime_ns++;
}

static void another_place_to_unpack_to(struct host *h)
{
	in_bundle(h, "web/b")->ino++;
	in_bundle(h, "web")->mtime_ns++;
	h->in.archive = "/elsewhere";
	digest_index_add(h->files.digests, in_bundle(h, "web/b")->ino, 2, FAKE_TIME, (const unsigned char[32]){ "22" });
}

static void a_file_that_was_not_hashed(struct host *h)
{
	in_bundle(h, "web/b")->ctime_ns++;
	(void)fake_add(&h->disk, "/archive/web/b", DISK_FILE, "22");
}

static void a_file_that_was_not_hashed_and_is_another(struct host *h)
{
	in_bundle(h, "web/b")->ctime_ns++;
	(void)fake_add(&h->disk, "/archive/web/b", DISK_FILE, "33");
}

static void what_stands_there(struct host *h)
{
	on_disk(h, "/srv/app/a")->ctime_ns++;
}

static void another_file_of_the_same_look(struct host *h)
{
	on_disk(h, "/srv/app/a")->ino++;
}

static void the_time_of_a_folder(struct host *h)
{
	on_disk(h, "/srv/app/d")->mtime_ns++;
	on_disk(h, "/srv/app/d")->ctime_ns++;
}

static void the_mode_of_a_folder(struct host *h)
{
	on_disk(h, "/srv/app/d")->mode = 0700;
}

static void the_mode_of_a_folder_of_others(struct host *h)
{
	on_disk(h, "/srv/app")->mode = 0700;
}

static void the_group_that_a_folder_hands_down(struct host *h)
{
	on_disk(h, "/srv/app")->mode = 02755;
	on_disk(h, "/srv/app")->gid = 2001;
}

static void a_file_of_somebody_else(struct host *h)
{
	on_disk(h, "/srv/app/theirs")->ctime_ns++;
	(void)fake_add(&h->disk, "/srv/app/more", DISK_FILE, "1");
}

static void another_revision(struct host *h)
{
	h->previous = "/root/g/d-2";
}

static void no_revision(struct host *h)
{
	h->previous = NULL;
}

static void another_group(struct host *h)
{
	h->deployment.group[0] = 'h';
}

static void another_appspec_name(struct host *h)
{
	h->files.appspec_name[0] = 'b';
}

static void another_policy(struct host *h)
{
	h->in.behavior = FILE_EXISTS_OVERWRITE;
}

static void a_prefix(struct host *h)
{
	h->in.install_prefix = "/chroot";
}

static void other_events(struct host *h)
{
	static const char *const order[] = { "DownloadBundle", "Install", NULL };

	h->order = order;
}

static const struct {
	const char *why;
	void (*change)(struct host *h);
	struct words words;
	bool bundle, host; /* which half is another one */
} cases[] = {
	{ "nothing", nothing, { 0 }, false, false },
	{ "the content of a file", nothing, { .bundle = "web/a=1 web/b=33 web/d/ web/l->a stop.sh=x" }, true, false },
	{ "the content of a script", nothing, { .bundle = "web/a=1 web/b=22 web/d/ web/l->a stop.sh=y" }, true, false },
	{ "where a link leads", nothing, { .bundle = "web/a=1 web/b=22 web/d/ web/l->b stop.sh=x" }, true, false },
	{ "a file more", nothing, { .bundle = "web/a=1 web/b=22 web/c=3 web/d/ web/l->a stop.sh=x" }, true, true },
	{ "a folder that nobody installs",
	  nothing,
	  { .bundle = "e/ web/a=1 web/b=22 web/d/ web/l->a stop.sh=x" },
	  true,
	  true },
	{ "a mode in the bundle", a_mode_of_the_bundle, { 0 }, true, true },
	{ "the mode of a script", a_mode_that_nobody_installs, { 0 }, true, false },
	{ "an owner in the bundle", an_owner_of_the_bundle, { 0 }, true, true },
	{ "a time in the bundle", a_time_of_the_bundle, { 0 }, true, false },
	{ "unpacked again, elsewhere", another_place_to_unpack_to, { 0 }, false, false },
	{ "the same content, read again", a_file_that_was_not_hashed, { 0 }, false, false },
	{ "another content, read again", a_file_that_was_not_hashed_and_is_another, { 0 }, true, false },
	{ "whom files will belong to", nothing, { .appspec = HEAD EVE }, false, true },
	{ "a file of ours was written to", what_stands_there, { 0 }, false, true },
	{ "a file of ours was replaced", another_file_of_the_same_look, { 0 }, false, true },
	{ "a file of ours is gone", nothing, { .disk = "/srv/app/d/ /srv/app/theirs=1 /srv/other=1" }, false, true },
	{ "a file stands in the way",
	  nothing,
	  { .disk = "/srv/app/a=old /srv/app/b=1 /srv/app/d/ /srv/app/theirs=1 /srv/other=1" },
	  false,
	  true },
	{ "a link leads the destination elsewhere",
	  nothing,
	  { .disk = "/srv/real/a=old /srv/real/d/ /srv/real/theirs=1 /srv/other=1 /srv/app->real" },
	  false,
	  true },
	{ "a file of others", a_file_of_somebody_else, { 0 }, false, false },
	{ "the time of a folder", the_time_of_a_folder, { 0 }, false, false },
	{ "the mode of a folder", the_mode_of_a_folder, { 0 }, false, true },
	{ "the mode of a folder that is not ours", the_mode_of_a_folder_of_others, { 0 }, false, false },
	{ "the group that a folder hands down", the_group_that_a_folder_hands_down, { 0 }, false, true },
	{ "what is ours", nothing, { .ours = "/srv/app/a\n/srv/app/d\n/srv/app/theirs\n" }, false, true },
	{ "the previous revision", another_revision, { 0 }, false, true },
	{ "no previous revision", no_revision, { 0 }, false, true },
	{ "the group", another_group, { 0 }, false, true },
	{ "the appspec's name", another_appspec_name, { 0 }, false, true },
	{ "the policy", another_policy, { 0 }, false, true },
	{ "the prefix", a_prefix, { 0 }, false, true },
	{ "the events", other_events, { 0 }, false, true },
};

static void each_half_tells_what_has_changed(void **state)
{
	char usual[PLAN_ID_SIZE], now[PLAN_ID_SIZE];
	struct host h;

	(void)state;
	host_init(&h, &(struct words){ 0 });
	id_of(&h, usual);
	host_done(&h);
	assert_true(name_is_plan_id(usual));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		host_init(&h, &cases[i].words);
		cases[i].change(&h);
		id_of(&h, now);
		assert_true(name_is_plan_id(now));
		assert_int_equal(cases[i].bundle, strncmp(usual, now, 14) != 0);
		assert_int_equal(cases[i].host, strcmp(usual + 14, now + 14) != 0);
		host_done(&h);
	}
}

static void an_id_is_asked_of_a_host_that_answers(void **state)
{
	char id[PLAN_ID_SIZE];
	struct err err = ERR_INIT;
	struct host h;

	(void)state;
	host_init(&h, &(struct words){ 0 });

	const struct plan_basis basis = basis_of(&h);

	h.disk.broken = true;
	assert_int_equal(-1, plan_id(&basis, id, &err));
	assert_int_equal(ERR_SYS, err.kind);
	host_done(&h);
}

#define NEWEST ", '/srv/app/a' was changed at 1970-01-01T00:00:00Z, '/srv/app/gone' is gone"

static const struct {
	const char *why;
	void (*change)(struct host *h);
	struct words words;
	const char *said[2]; /* NULL: it is the same plan */
} compared[] = {
	{ "nothing has changed", nothing, { 0 }, { NULL } },
	{ "another bundle",
	  nothing,
	  { .bundle = "web/a=1" },
	  { "the bundle is another one: '/b.tgz' has changed since plan p-" } },
	{ "a file was written to",
	  what_stands_there,
	  { 0 },
	  { "this host has changed since plan p-", ": now revision d-1 is in place" NEWEST } },
	{ "another revision", another_revision, { 0 }, { ": now revision d-2 is in place" NEWEST } },
	{ "no revision", no_revision, { 0 }, { ": now nothing of group 'g' is installed" } },
	{ "the newest is in the way",
	  nothing,
	  { .disk = "/srv/app/b=1", .ours = "" },
	  { "'/srv/app/b' was changed at 1970-01-01T00:00:00Z" } },
};

static void what_has_changed_is_said(void **state)
{
	char usual[PLAN_ID_SIZE];
	struct host h;

	(void)state;
	host_init(&h, &(struct words){ 0 });
	id_of(&h, usual);
	host_done(&h);
	for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
		struct err err = ERR_INIT;

		print_message("  %s\n", compared[i].why);
		host_init(&h, &compared[i].words);
		compared[i].change(&h);

		const struct plan_basis basis = basis_of(&h);

		assert_int_equal(compared[i].said[0] ? -1 : 0, plan_compare(&basis, usual, &err));
		assert_int_equal(compared[i].said[0] ? ERR_PLAN_CHANGED : ERR_NONE, err.kind);
		for (size_t k = 0; k < 2 && compared[i].said[k]; k++)
			if (!strstr(err.msg, compared[i].said[k]))
				fail_msg("'%s' is not in: %s", compared[i].said[k], err.msg);
		err = ERR_INIT;
		assert_int_equal(0, plan_compare(&basis, NULL, &err));
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_half_tells_what_has_changed),
		cmocka_unit_test(an_id_is_asked_of_a_host_that_answers),
		cmocka_unit_test(what_has_changed_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
