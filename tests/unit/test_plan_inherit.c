/* What an existing folder hands down to what the plan makes in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/plan.h"
#include "plan_words.h"
#include "util/auto.h"

#define HEAD	      "version: 0.0\nos: linux\nfiles:\n- {source: w, destination: /srv}\n"
#define PERMIT(words) HEAD "permissions:\n- {object: /srv, " words "}\n"
#define OWN_ACL	      PERMIT("type: [file], acls: ['bob:r']")
#define NAMED	      "user::rwx,user:1:rwx,group::r-x,mask::rwx,other::---"
#define PLAIN	      "user::rwx,group::r-x,other::---"
#define OTHER	      "user::rwx,user:2:r--,group::r-x,mask::r-x,other::---"

static const struct disk_heritage named = { "", NAMED, 0770, true, NULL, 0 };
static const struct disk_heritage plain = { "", PLAIN, 0750, false, NULL, 0 };
static const struct disk_heritage labelled = { "", "", 0, false, "a:b:c", 5 };

struct host {
	struct fake_world disk;
	struct fake_bundle bundle;
	struct appspec *spec;
	struct plan_input in;
	struct plan *plan;
};

static void host_init(struct host *h, const char *bundle, const char *disk, const char *spec)
{
	struct findings findings = { 0 };
	struct err err = ERR_INIT;

	*h = (struct host){ 0 };
	fake_world_init(&h->disk, disk);
	fake_bundle_init(&h->bundle, bundle);
	if (appspec_parse(spec, strlen(spec), &h->spec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);
	h->in = (struct plan_input){ .appspec = h->spec,
				     .tree = &h->bundle.tree,
				     .archive = "/archive",
				     .digests = h->bundle.digests,
				     .world = &h->disk.world,
				     .behavior = FILE_EXISTS_OVERWRITE,
				     .install_prefix = "",
				     .umask = 027 };
}

static void host_plan(struct host *h)
{
	struct err err = ERR_INIT;

	if (plan_build(&h->in, &h->plan, &err) < 0)
		fail_msg("%s", err.msg);
}

static void host_done(struct host *h)
{
	plan_free(h->plan);
	appspec_free(h->spec);
	fake_bundle_done(&h->bundle);
	fake_world_done(&h->disk);
}

static const struct {
	const char *why, *spec, *path;
	const struct disk_heritage *heritage;
	mode_t mode;
	const char *inherited;
} cases[] = {
	{ "a file has its own mode", HEAD, "/srv/f", &named, 0644, NAMED },
	{ "nobody is named, so the mode says all", HEAD, "/srv/f", &plain, 0644, "" },
	{ "a folder is made without the umask", HEAD, "/srv/d", &named, 0770, NAMED },
	{ "and hands all down", HEAD, "/srv/d", &plain, 0750, PLAIN },
	{ "to folders", HEAD, "/srv/d/e", &plain, 0750, PLAIN },
	{ "and to files", HEAD, "/srv/d/e/g", &named, 0644, NAMED },
	{ "a link has neither", HEAD, "/srv/l", &named, 0777, "" },
	{ "another folder that is there has another one, or none", HEAD, "/srv/there/h", &named, 0644, "" },
	{ "without any the umask counts", HEAD, "/srv/d", NULL, 0750, "" },
	{ "a mode of the appspec is set by chmod", PERMIT("type: [directory], mode: 711"), "/srv/d", &named, 0711,
	  NAMED },
	{ "acls of the appspec replace a file's", PERMIT("acls: ['bob:r']"), "/srv/f", &named, 0644, "" },
	{ "but leave a folder's default one", PERMIT("acls: ['bob:r']"), "/srv/d", &named, 0770, NAMED },
	{ "unless they have one themselves", PERMIT("type: [directory], acls: ['d:bob:r']"), "/srv/d", &named, 0770,
	  "" },
	{ "which is not handed down: permissions come last", PERMIT("type: [directory], acls: ['d:bob:r']"),
	  "/srv/d/e/g", &named, 0644, NAMED },
};

static void a_default_acl_is_inherited_as_if_all_was_made_in_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_attributes a;
		struct host h;

		print_message("  %s\n", cases[i].why);
		host_init(&h, "w/f=1 w/l->f w/d/e/g=2 w/there/h=3", "/srv/there/", cases[i].spec);
		if (cases[i].heritage)
			fake_find(&h.disk, "/srv")->heritage = *cases[i].heritage;
		host_plan(&h);
		plan_attributes(h.plan, node_at(h.plan, cases[i].path), &a);
		assert_int_equal(cases[i].mode, a.mode);
		assert_string_equal(cases[i].inherited, a.inherited);
		host_done(&h);
	}
}

static void a_label_goes_to_all_that_is_made(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, "w/f=1 w/l->f w/d/e/g=2 w/there/h=3", "/srv/there/", HEAD);
	fake_find(&h.disk, "/srv")->heritage = labelled;
	host_plan(&h);
	for (const char *const *path = (const char *const[]){ "/srv/f", "/srv/l", "/srv/d", "/srv/d/e/g", NULL }; *path;
	     path++) {
		struct plan_attributes a;

		plan_attributes(h.plan, node_at(h.plan, *path), &a);
		assert_non_null(a.heritage);
		assert_int_equal(5, a.heritage->label_len);
		assert_string_equal("", a.inherited);
	}

	struct plan_attributes there;

	plan_attributes(h.plan, node_at(h.plan, "/srv/there/h"), &there);
	assert_null(there.heritage);
	host_done(&h);
}

static void each_folder_is_asked_once(void **state)
{
	struct host h;

	(void)state;
	host_init(&h, "w/a=1 w/b=2 w/d/a=1 w/d/b=1 w/there/a=1 w/there/b=1 w/as/is/c=1",
		  "/srv/there/ /srv/as/is/ /srv/x/", HEAD);
	host_plan(&h);
	assert_int_equal(3, h.disk.heritages_asked);
	host_done(&h);
}

/* A file and a folder of ours, with what the last manifest tells of both: 1-based in `acls`. */
static const char acls[] = "\0srv\0d\0a\0x\0"
			   "|" NAMED "\0"
			   "user:bob:r--\0"
			   "user:bob:r--|" NAMED;
enum { ACL_NAMED = 11, ACL_SET = ACL_NAMED + sizeof(NAMED) + 1, ACL_BOTH = ACL_SET + sizeof("user:bob:r--") };

static const struct {
	const char *why, *spec;
	const struct disk_heritage *srv;
	const char *access, *defaults; /* of d, now */
	mode_t mode;		       /* of d */
	uint32_t file_acl;
	enum plan_action file, folder;
} kept[] = {
	{ "as it was", HEAD, &named, NAMED, NAMED, 0770, ACL_NAMED, PLAN_KEEP, PLAN_KEEP },
	{ "without any", HEAD, NULL, "", "", 0750, 0, PLAN_KEEP, PLAN_KEEP },
	{ "installed before there was one", HEAD, &named, "", "", 0770, 0, PLAN_CHANGE, PLAN_REMAKE },
	{ "there was one", HEAD, NULL, NAMED, NAMED, 0750, ACL_NAMED, PLAN_CHANGE, PLAN_REMAKE },
	{ "there was another one", HEAD, &named, OTHER, OTHER, 0770, ACL_SET, PLAN_CHANGE, PLAN_REMAKE },
	{ "the folder's own was changed", HEAD, &named, OTHER, NAMED, 0770, ACL_NAMED, PLAN_KEEP, PLAN_REMAKE },
	{ "the folder got one by hand", HEAD, NULL, "", PLAIN, 0750, 0, PLAN_KEEP, PLAN_REMAKE },
	{ "one without names is nothing to files", HEAD, &plain, "", PLAIN, 0750, 0, PLAN_KEEP, PLAN_KEEP },
	{ "the appspec's own for files", OWN_ACL, &named, NAMED, NAMED, 0770, ACL_SET, PLAN_KEEP, PLAN_KEEP },
	{ "a file had the appspec's and, as only a folder can, an inherited one", OWN_ACL, NULL, "", "", 0750, ACL_BOTH,
	  PLAN_CHANGE, PLAN_KEEP },
};

static void what_would_be_made_with_another_acl_is_not_unchanged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		struct host h;

		print_message("  %s\n", kept[i].why);
		host_init(&h, "w/d/x=1 w/a=2", "/srv/d/x=0 /srv/a=2", kept[i].spec);

		struct fake_entry *d = fake_find(&h.disk, "/srv/d"), *a = fake_find(&h.disk, "/srv/a");
		struct manifest_entry entries[] = {
			{ .type = TREE_DIRECTORY },
			{ .name = 1, .type = TREE_DIRECTORY },
			{ .parent = 1, .name = 5, .type = TREE_DIRECTORY, .flags = MANIFEST_OURS },
			{ .parent = 2, .name = 9, .type = TREE_FILE, .flags = MANIFEST_OURS },
			{ .parent = 1,
			  .name = 7,
			  .type = TREE_FILE,
			  .flags = MANIFEST_OURS | MANIFEST_HAS_DIGEST,
			  .acl = kept[i].file_acl,
			  .mode = 0644,
			  .dev = a->entry.dev,
			  .ino = a->entry.ino,
			  .size = a->entry.size,
			  .mtime_ns = FAKE_TIME,
			  .ctime_ns = FAKE_TIME },
		};
		const struct manifest m = { .entries = entries, .count = 5, .pool = acls, .pool_len = sizeof(acls) };

		fake_digest("2", entries[4].digest);
		if (kept[i].srv)
			fake_find(&h.disk, "/srv")->heritage = *kept[i].srv;
		d->heritage.access = kept[i].access;
		d->heritage.defaults = kept[i].defaults;
		d->has_acl = *kept[i].access || *kept[i].defaults;
		d->entry.mode = kept[i].mode;
		h.in.manifest = &m;
		host_plan(&h);
		assert_int_equal(kept[i].file, h.plan->nodes[node_at(h.plan, "/srv/a")].action);
		assert_int_equal(kept[i].folder, h.plan->nodes[node_at(h.plan, "/srv/d")].action);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_default_acl_is_inherited_as_if_all_was_made_in_place),
		cmocka_unit_test(a_label_goes_to_all_that_is_made),
		cmocka_unit_test(each_folder_is_asked_once),
		cmocka_unit_test(what_would_be_made_with_another_acl_is_not_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
