/* What the rules of 'slipway: overwrite' do to a plan: files of others, and our own that were edited since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_host.h"

#define KEEP_CONF    RULE("/etc/shop/*.conf", "RETAIN")
#define KEEP_ALL     RULE("/etc/shop/**", "RETAIN")
#define EXISTS(path) "a specified file already exists at this location: " path
#define RETAINED     "was edited since it was installed and is retained, but this revision brings a new version of it"
#define GONE	     "is not in this revision any more"

static const struct {
	const char *why, *bundle, *disk, *ours, *spec;
	const char *want;  /* NULL: refused */
	const char *finds; /* part of the first finding, the only one unless it is refused; NULL: none */
} cases[] = {
	/* files of others */
	{ "a rule goes before the behavior", "w/a.conf=1", "/etc/shop/a.conf=x", "", SHOP KEEP_CONF,
	  " r/etc/shop/a.conf", NULL },
	{ "what no rule speaks of follows the behavior", "w/a.txt=1", "/etc/shop/a.txt=x", "", SHOP KEEP_CONF, NULL,
	  EXISTS("/etc/shop/a.txt") },
	{ "a rule replaces", "w/a.conf=1", "/etc/shop/a.conf=x", "", SHOP RULE("/**", "OVERWRITE"),
	  "~f/etc/shop/a.conf", NULL },
	{ "a rule refuses what the behavior would let pass", "w/a.conf=1", "/etc/shop/a.conf=x", "",
	  "version: 0.0\nos: linux\nfile_exists_behavior: OVERWRITE\nfiles:\n" PUT("w", "/etc/shop")
		  RULES RULE("/etc/**", "DISALLOW"),
	  NULL, EXISTS("/etc/shop/a.conf") },
	{ "the first rule that matches counts", "w/a.conf=1 w/b.conf=1", "/etc/shop/a.conf=x /etc/shop/b.conf=x", "",
	  SHOP RULE("/etc/shop/a.*", "OVERWRITE") KEEP_CONF RULE("/**", "DISALLOW"),
	  "~f/etc/shop/a.conf  r/etc/shop/b.conf", NULL },
	{ "a folder in the way of a file is retained as well", "w/a.conf=1", "/etc/shop/a.conf/x=1", "", SHOP KEEP_CONF,
	  " r/etc/shop/a.conf", NULL },
	{ "but never replaced", "w/a.conf=1", "/etc/shop/a.conf/x=1", "", SHOP RULE("/**", "OVERWRITE"), NULL,
	  "a file never replaces a folder" },
	{ "a folder is not what rules speak of", "w/d/a=1", "/etc/shop/d/", "", SHOP RULE("/etc/shop/d", "DISALLOW"),
	  "+f/etc/shop/d/a", NULL },
	{ "a file where a folder is to be made stays in the way", "w/d/a=1", "/etc/shop/d=x", "",
	  SHOP RULE("/**", "OVERWRITE"), NULL, "a folder is to be made there, but it is none" },
	{ "a dangling link is nothing that exists", "w/a.conf=1", "/etc/shop/a.conf->gone", "", SHOP KEEP_CONF,
	  "~f/etc/shop/a.conf", NULL },
	{ "a link that leads somewhere is", "w/a.conf=1", "/x=1 /etc/shop/a.conf->/x", "", SHOP KEEP_CONF,
	  " r/etc/shop/a.conf", NULL },

	/* our own */
	{ "ours and not touched is updated", "w/a.conf=2", "/etc/shop/a.conf=1", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  "~f/etc/shop/a.conf", NULL },
	{ "ours and edited stays, and the new version is told of", "w/a.conf=2", "/etc/shop/a.conf=mine",
	  "/etc/shop/a.conf=1", SHOP KEEP_CONF, " e/etc/shop/a.conf", RETAINED },
	{ "without a new version there is nothing to tell", "w/a.conf=1", "/etc/shop/a.conf=mine", "/etc/shop/a.conf=1",
	  SHOP KEEP_CONF, " e/etc/shop/a.conf", NULL },
	{ "edited without another size", "w/a.conf=1", "/etc/shop/a.conf=2", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  " e/etc/shop/a.conf", NULL },
	{ "ours and edited, but no rule", "w/a=2", "/etc/shop/a=mine", "/etc/shop/a=1", SHOP KEEP_CONF, "~f/etc/shop/a",
	  NULL },
	{ "ours and edited, and a rule that replaces comes first", "w/a.conf=2", "/etc/shop/a.conf=mine",
	  "/etc/shop/a.conf=1", SHOP RULE("/etc/shop/a*", "OVERWRITE") KEEP_CONF, "~f/etc/shop/a.conf", NULL },
	{ "DISALLOW is for files of others", "w/a.conf=2", "/etc/shop/a.conf=mine", "/etc/shop/a.conf=1",
	  SHOP RULE("/**", "DISALLOW"), "~f/etc/shop/a.conf", NULL },
	{ "the behavior RETAIN is for files of others, too", "w/a.conf=2", "/etc/shop/a.conf=mine",
	  "/etc/shop/a.conf=1", "version: 0.0\nos: linux\nfile_exists_behavior: RETAIN\nfiles:\n" PUT("w", "/etc/shop"),
	  "~f/etc/shop/a.conf", NULL },
	{ "edited to what the new revision brings: the revision's", "w/a.conf=new", "/etc/shop/a.conf=new",
	  "/etc/shop/a.conf=1", SHOP KEEP_CONF, "~f/etc/shop/a.conf", NULL },
	{ "removed by hand: made again", "w/a.conf=2", "/etc/shop/", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  "+f/etc/shop/a.conf", NULL },
	{ "made a socket", "w/a.conf=2", "/etc/shop/a.conf|", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  " e/etc/shop/a.conf", RETAINED },
	{ "an empty folder in its place is no edit", "w/a.conf=2", "/etc/shop/a.conf/", "/etc/shop/a.conf=1",
	  SHOP KEEP_CONF, "+f/etc/shop/a.conf", NULL },
	{ "a full one is somebody else's", "w/a.conf=2", "/etc/shop/a.conf/x=1", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  " r/etc/shop/a.conf", NULL },

	/* links */
	{ "a link of ours that leads elsewhere now", "w/l.conf->b", "/etc/shop/l.conf->mine", "/etc/shop/l.conf->a",
	  SHOP KEEP_CONF, " e/etc/shop/l.conf", RETAINED },
	{ "a link made anew with the same text", "w/l.conf->b", "/etc/shop/l.conf->a", "/etc/shop/l.conf->a",
	  SHOP KEEP_CONF, "~l/etc/shop/l.conf", NULL },
	{ "a link that leads where the new one does", "w/l.conf->b", "/etc/shop/l.conf->b", "/etc/shop/l.conf->a",
	  SHOP KEEP_CONF, "~l/etc/shop/l.conf", NULL },
	{ "a file made a link", "w/a.conf=2", "/x=1 /etc/shop/a.conf->/x", "/etc/shop/a.conf=1", SHOP KEEP_CONF,
	  " e/etc/shop/a.conf", RETAINED },
	{ "a link made a file", "w/l.conf->b", "/etc/shop/l.conf=x", "/etc/shop/l.conf->a", SHOP KEEP_CONF,
	  " e/etc/shop/l.conf", RETAINED },

	{ "an edited link, and the revision brings the one it brought before", "w/l.conf->a", "/etc/shop/l.conf->mine",
	  "/etc/shop/l.conf->a", SHOP KEEP_CONF, " e/etc/shop/l.conf", NULL },
	{ "an edited file, and the revision brings a link now", "w/a.conf->b", "/etc/shop/a.conf=mine",
	  "/etc/shop/a.conf=1", SHOP KEEP_CONF, " e/etc/shop/a.conf", RETAINED },
	{ "an edited link, and the revision brings a file now", "w/l.conf=1", "/etc/shop/l.conf->mine",
	  "/etc/shop/l.conf->a", SHOP KEEP_CONF, " e/etc/shop/l.conf", RETAINED },
	{ "a link edited to a file that the revision brings now", "w/l.conf=1", "/etc/shop/l.conf=1",
	  "/etc/shop/l.conf->a", SHOP KEEP_CONF, "~f/etc/shop/l.conf", NULL },

	/* no more in the revision */
	{ "edited and not in the revision any more: it stays, with its folder", "w/b=1", "/etc/shop/d/a.conf=mine",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1", SHOP KEEP_ALL, "=d/etc/shop +f/etc/shop/b", GONE },
	{ "not edited: it goes", "w/b=1", "/etc/shop/d/a.conf=1", "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1",
	  SHOP KEEP_ALL, "=d/etc/shop +f/etc/shop/b -d/etc/shop/d -f/etc/shop/d/a.conf", NULL },
	{ "edited, but the rule went with it", "w/b=1", "/etc/shop/d/a.conf=mine",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1", SHOP KEEP_CONF,
	  "=d/etc/shop +f/etc/shop/b -d/etc/shop/d -f/etc/shop/d/a.conf", NULL },
	{ "its neighbours go", "w/b=1", "/etc/shop/d/a.conf=mine /etc/shop/d/c=1",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1 /etc/shop/d/c=1", SHOP KEEP_ALL,
	  "=d/etc/shop +f/etc/shop/b -f/etc/shop/d/c", GONE },
	{ "a file cannot take the place of a folder that is held", "w/d=1", "/etc/shop/d/a.conf=mine",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1", SHOP RULE("/etc/shop/d/**", "RETAIN"), NULL,
	  "a file never replaces a folder" },
	{ "nor a folder that of an edited file", "w/a.conf/x=1", "/etc/shop/a.conf=mine", "/etc/shop/a.conf=1",
	  SHOP KEEP_CONF, NULL, "edited since, that a rule of 'overwrite' retains" },

	/* folders */
	{ "a folder with an edited file stays ours", "w/d/a.conf=2 w/d/b=2", "/etc/shop/d/a.conf=mine /etc/shop/d/b=1",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/a.conf=1 /etc/shop/d/b=1", SHOP KEEP_ALL,
	  "=d/etc/shop =d/etc/shop/d  e/etc/shop/d/a.conf ~f/etc/shop/d/b", RETAINED },
	{ "one with a user's file in it does not", "w/d/a.conf=1", "/etc/shop/d/a.conf=mine /etc/shop/d/x=1",
	  "/etc/shop/d/ /etc/shop/d/a.conf=1", SHOP KEEP_ALL, " e/etc/shop/d/a.conf", NULL },
	{ "a folder of ours made a link is gone through", "w/d/a=1", "/data/ /etc/shop/d->/data", "/etc/shop/d/",
	  SHOP KEEP_ALL, "+f/data/a", NULL },
	{ "without a rule it is made a folder again", "w/d/a=1", "/data/ /etc/shop/d->/data", "/etc/shop/d/",
	  SHOP KEEP_CONF, "~d/etc/shop/d +f/etc/shop/d/a", NULL },

	/* paths */
	{ "a rule may spell the destination as the appspec does", "w/a.conf=2", "/data/a.conf=mine /etc/shop->/data",
	  "/data/a.conf=1", SHOP KEEP_CONF, " e/data/a.conf", RETAINED },
	{ "or as it lies on the disk", "w/a.conf=2", "/data/a.conf=mine /etc/shop->/data", "/data/a.conf=1",
	  SHOP RULE("/data/*", "RETAIN"), " e/data/a.conf", RETAINED },
	{ "a file of others by either of its names", "w/a.conf=2 w/b=1", "/data/a.conf=x /data/b=x /etc/shop->/data",
	  "", SHOP KEEP_CONF RULE("/data/b", "OVERWRITE"), " r/data/a.conf ~f/data/b", NULL },
	{ "of two names the earlier rule counts", "w/a.conf=2", "/data/a.conf=x /etc/shop->/data", "",
	  SHOP RULE("/data/*", "OVERWRITE") KEEP_CONF, "~f/data/a.conf", NULL },
};

static void every_rule_of_overwrite(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);
		if (h.spec->file_exists_behavior)
			h.in.behavior = h.spec->file_exists_behavior;

		int r = plan_build(&h.in, &h.plan, &err);

		if (r < 0 && cases[i].want)
			fail_msg("%s", err.msg);
		assert_int_equal(cases[i].want ? 0 : -1, r);
		if (cases[i].want && h.plan->findings.count != (cases[i].finds ? 1 : 0))
			fail_msg("%zu findings", h.plan->findings.count);
		if (cases[i].finds && !strstr(h.plan->findings.items[0].message, cases[i].finds))
			fail_msg("%s", h.plan->findings.items[0].message);
		if (cases[i].want) {
			AUTO_FREE char *text = shown(h.plan);

			assert_string_equal(cases[i].want, text);
		}
		host_done(&h);
	}
}

static void edited_files_count_as_retained(void **state)
{
	struct host h;
	struct err err = ERR_INIT;

	(void)state;
	host_init(&h, "w/a.conf=22 w/b.conf=22 w/c=22 w/d=1", "/etc/shop/a.conf=x /etc/shop/b.conf=x /etc/shop/c=x",
		  "/etc/shop/a.conf=1 /etc/shop/c=1", SHOP KEEP_CONF);
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));
	assert_int_equal(4, h.plan->counts.planned);
	assert_int_equal(2, h.plan->counts.retained);
	assert_int_equal(1, h.plan->counts.changed);
	assert_int_equal(1, h.plan->counts.added);
	assert_int_equal(0, h.plan->counts.removed);
	assert_int_equal(3, h.plan->counts.bytes);
	host_done(&h);
}

static void a_file_written_anew_with_its_own_content_is_no_edit(void **state)
{
	struct host h;
	struct err err = ERR_INIT;

	(void)state;
	host_init(&h, "w/a.conf=2", "/etc/shop/a.conf=1", "/etc/shop/a.conf=1", SHOP KEEP_CONF);
	fake_find(&h.disk, "/etc/shop/a.conf")->entry.ino = 4711;
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal("~f/etc/shop/a.conf", text);
	host_done(&h);
}

/* Whoever may not read it cannot say that it is not edited. */
static void what_cannot_be_read_is_retained(void **state)
{
	struct host h;
	struct err err = ERR_INIT;

	(void)state;
	host_init(&h, "w/a.conf=2", "/etc/shop/a.conf=1", "/etc/shop/a.conf=1", SHOP KEEP_CONF);
	fake_find(&h.disk, "/etc/shop/a.conf")->entry.ino = 4711;
	fake_find(&h.disk, "/etc/shop/a.conf")->entry.mode = 0;
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal(" e/etc/shop/a.conf", text);
	host_done(&h);
}

static void what_another_agent_installed_may_have_been_edited(void **state)
{
	static const char cleanup[] = "/etc/shop/a.conf\n/etc/shop/b.conf\n/etc/shop/c\n";
	struct host h;
	struct err err = ERR_INIT;
	struct manifest *m = manifest_from_cleanup(cleanup, strlen(cleanup), NULL);

	(void)state;
	host_init(&h, "w/a.conf=1 w/b.conf=2 w/c=2", "/etc/shop/a.conf=1 /etc/shop/b.conf=1 /etc/shop/c=1", "",
		  SHOP KEEP_CONF);
	h.in.manifest = m;
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal("~f/etc/shop/a.conf  e/etc/shop/b.conf ~f/etc/shop/c", text);
	host_done(&h);
	manifest_free(m);
}

static void rules_speak_of_destinations_without_the_prefix(void **state)
{
	struct host h;
	struct err err = ERR_INIT;

	(void)state;
	host_init(&h, "w/a.conf=2 w/b.conf=2", "/try/etc/shop/a.conf=mine /try/etc/shop/b.conf=x",
		  "/try/etc/shop/a.conf=1", SHOP KEEP_CONF);
	h.in.install_prefix = "/try/";
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal(" e/try/etc/shop/a.conf  r/try/etc/shop/b.conf", text);
	host_done(&h);
}

/* Then the rules speak of it as it lies there. */
static void what_a_link_takes_out_of_the_prefix_has_its_own_path(void **state)
{
	static const struct {
		const char *target, *rule, *want;
	} ways[] = {
		{ "/data", RULE("/data/*", "OVERWRITE"), "~f/data/a.conf" },
		{ "/tryst", RULE("/tryst/*", "OVERWRITE"), "~f/tryst/a.conf" }, /* begins like the prefix */
		{ "/tryst", RULE("/st/*", "OVERWRITE"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		AUTO_FREE char *disk = xasprintf("%s/a.conf=x /try/etc/shop->%s", ways[i].target, ways[i].target);
		AUTO_FREE char *spec = xasprintf(SHOP "%s", ways[i].rule);
		struct err err = ERR_INIT;
		struct host h;

		host_init(&h, "w/a.conf=2", disk, "", spec);
		h.in.install_prefix = "/try";
		assert_int_equal(ways[i].want ? 0 : -1, plan_build(&h.in, &h.plan, &err));
		if (ways[i].want) {
			AUTO_FREE char *text = shown(h.plan);

			assert_string_equal(ways[i].want, text);
		}
		host_done(&h);
	}
}

/* Never taken for "not edited", whichever question it was. */
static void whichever_question_stays_without_an_answer_there_is_no_plan(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h;
		struct err err = ERR_INIT;

		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);
		(void)plan_build(&h.in, &h.plan, &err); /* refused or not */

		unsigned questions = h.disk.asked;

		for (h.disk.fails_at = 1; h.disk.fails_at <= questions; h.disk.fails_at++) {
			plan_free(h.plan);
			h.disk.asked = 0;
			assert_int_equal(-1, plan_build(&h.in, &h.plan, &err));
			assert_string_equal("the disk does not answer", err.msg);
		}
		host_done(&h);
	}
}

/* A hook has written to the bundle: nobody knows what it brings, so what was edited stays. */
static void a_bundle_nobody_has_read_replaces_no_edit(void **state)
{
	struct host h;
	struct err err = ERR_INIT;

	(void)state;
	host_init(&h, "w/a.conf=mine", "/etc/shop/a.conf=mine", "/etc/shop/a.conf=1", SHOP KEEP_CONF);
	h.in.digests = NULL;
	assert_int_equal(0, plan_build(&h.in, &h.plan, &err));

	AUTO_FREE char *text = shown(h.plan);

	assert_string_equal(" e/etc/shop/a.conf", text);
	host_done(&h);
}

/* What `slipway plan` tells of each file that is in the way. */
static void a_conflict_knows_what_becomes_of_it_and_by_which_rule(void **state)
{
	static const struct {
		const char *why, *disk, *ours, *rules;
		enum file_exists behavior;
		long verdict; /* -1: there is no conflict */
		unsigned line;
		bool clash;
	} ways[] = {
		{ "nothing stands there", "/etc", "", "", FILE_EXISTS_DISALLOW, -1, 0, false },
		{ "ours, as it was", "/etc/shop/a.conf=1", "/etc/shop/a.conf=1", "", FILE_EXISTS_DISALLOW, -1, 0,
		  false },
		{ "refused", "/etc/shop/a.conf=1", "", "", FILE_EXISTS_DISALLOW, VERDICT_REFUSE, 0, false },
		{ "replaced", "/etc/shop/a.conf=1", "", "", FILE_EXISTS_OVERWRITE, VERDICT_WRITE, 0, false },
		{ "kept", "/etc/shop/a.conf=1", "", "", FILE_EXISTS_RETAIN, VERDICT_RETAIN, 0, false },
		{ "kept by a rule", "/etc/shop/a.conf=1", "", RULES KEEP_CONF, FILE_EXISTS_OVERWRITE, VERDICT_RETAIN, 7,
		  false },
		{ "ours, edited, kept by a rule", "/etc/shop/a.conf=x", "/etc/shop/a.conf=1", RULES KEEP_CONF,
		  FILE_EXISTS_OVERWRITE, VERDICT_RETAIN_OURS, 7, false },
		{ "a folder", "/etc/shop/a.conf/x=1", "", "", FILE_EXISTS_OVERWRITE, VERDICT_REFUSE, 0, true },
		{ "a file on the way", "/etc/shop=1", "", "", FILE_EXISTS_OVERWRITE, VERDICT_REFUSE, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		AUTO_FREE char *spec = xasprintf(HEAD PUT("w", "/etc/shop") "%s", ways[i].rules);
		struct err err = ERR_INIT;
		struct host h;

		print_message("  %s\n", ways[i].why);
		host_init(&h, "w/a.conf=2", ways[i].disk, ways[i].ours, spec);
		h.in.behavior = ways[i].behavior;
		(void)plan_build(&h.in, &h.plan, &err); /* refused or not */
		assert_int_equal(ways[i].verdict >= 0, h.plan->conflict_count);
		if (ways[i].verdict >= 0) {
			const struct plan_conflict *c = &h.plan->conflicts[0];

			assert_int_equal(ways[i].verdict, c->verdict);
			assert_int_equal(ways[i].clash, c->types_clash);
			assert_int_equal(ways[i].line, c->rule ? c->rule->place.line : 0);
		}
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_of_overwrite),
		cmocka_unit_test(edited_files_count_as_retained),
		cmocka_unit_test(a_file_written_anew_with_its_own_content_is_no_edit),
		cmocka_unit_test(what_cannot_be_read_is_retained),
		cmocka_unit_test(what_another_agent_installed_may_have_been_edited),
		cmocka_unit_test(rules_speak_of_destinations_without_the_prefix),
		cmocka_unit_test(what_a_link_takes_out_of_the_prefix_has_its_own_path),
		cmocka_unit_test(whichever_question_stays_without_an_answer_there_is_no_plan),
		cmocka_unit_test(a_bundle_nobody_has_read_replaces_no_edit),
		cmocka_unit_test(a_conflict_knows_what_becomes_of_it_and_by_which_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
