/* Rules of 'slipway: overwrite' that a script decides: what the plan asks, and what it makes of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_host.h"

#define POLICY(path) "  - {path: '" path "', policy: p.lua}\n"
#define ASK_CONF     POLICY("/etc/shop/*.conf")
#define ASK_ALL	     POLICY("/etc/shop/**")

/* Answers what the file's name begins with: o, r, d or b; anything else is an error of the script. */
struct oracle {
	struct str asked; /* "PATH:EXISTS>COMES " of every question, and "!" for ours */
	bool unready, dies;
	int readied;
};

static int ready(void *context, const struct appspec_overwrite *rule, struct err *err)
{
	struct oracle *o = context;

	assert_string_equal("p.lua", rule->policy);
	o->readied++;
	return o->unready ? err_set(err, ERR_SCRIPT_FAILED, "p.lua:3: does not compile") : 0;
}

static int ask(void *context, const struct plan_question *q, enum policy_answer *out, struct err *err)
{
	static const char kinds[] = { '-', 'd', 'f', 'l', 'o' }, types[] = { 'd', 'f', 'l', 'o' };
	static const char initials[] = "ordb";
	struct oracle *o = context;
	const char *name = strrchr(q->path, '/') + 1, *found = strchr(initials, *name);

	assert_int_equal(0, str_printf(&o->asked, "%s:%c%s>%c%s%s ", q->path, kinds[q->exists.kind],
				       q->exists_digest ? (const char *)q->exists_digest : "", types[q->comes->type],
				       q->comes_digest ? (const char *)q->comes_digest : "", q->ours ? "!" : ""));
	if (!found)
		return err_set(err, ERR_SCRIPT_FAILED, "p.lua:7: no idea") + (o->dies ? -1 : 0);
	*out = (enum policy_answer)(found - initials);
	return 0;
}

static int plan_with(struct host *h, struct oracle *o, struct err *err)
{
	const struct plan_asker asker = { ready, ask, o };

	h->in.asker = &asker;

	int r = plan_build(&h->in, &h->plan, err);

	h->in.asker = NULL;
	return r;
}

static const struct {
	const char *why, *bundle, *disk, *ours, *spec;
	const char *want;  /* NULL: refused */
	const char *finds; /* part of the first finding; NULL: none */
	const char *asked;
} cases[] = {
	{ "a file of somebody else is replaced", "w/o.conf=1", "/etc/shop/o.conf=x", "", SHOP ASK_CONF,
	  "~f/etc/shop/o.conf", NULL, "/etc/shop/o.conf:fx>f1 " },
	{ "or stays, and is not ours", "w/r.conf=1", "/etc/shop/r.conf=x", "", SHOP ASK_CONF, " r/etc/shop/r.conf",
	  NULL, "/etc/shop/r.conf:fx>f1 " },
	{ "or refuses", "w/d.conf=1", "/etc/shop/d.conf=x", "", SHOP ASK_CONF, NULL,
	  "at this location: /etc/shop/d.conf (p.lua answers 'disallow')", "/etc/shop/d.conf:fx>f1 " },
	{ "or is replaced and kept beside it", "w/b.conf=1", "/etc/shop/b.conf=x", "", SHOP ASK_CONF,
	  "~f/etc/shop/b.conf", NULL, "/etc/shop/b.conf:fx>f1 " },
	{ "without an answer it refuses, with the script's line", "w/x.conf=1", "/etc/shop/x.conf=x", "", SHOP ASK_CONF,
	  NULL, "'/etc/shop/x.conf': p.lua:7: no idea", "/etc/shop/x.conf:fx>f1 " },
	{ "the first rule that matches decides alone", "w/o.conf=1", "/etc/shop/o.conf=x", "",
	  SHOP RULE("/etc/shop/o*", "RETAIN") ASK_CONF, " r/etc/shop/o.conf", NULL, "" },
	{ "where nothing stands nothing is asked", "w/d.conf=1", "/etc/shop/", "", SHOP ASK_CONF, "+f/etc/shop/d.conf",
	  NULL, "" },
	{ "nor where a link leads to nothing", "w/d.conf=1", "/etc/shop/d.conf->gone", "", SHOP ASK_CONF,
	  "~f/etc/shop/d.conf", NULL, "" },
	{ "a link is told as one", "w/r.conf=1", "/x=1 /etc/shop/r.conf->/x", "", SHOP ASK_CONF, " r/etc/shop/r.conf",
	  NULL, "/etc/shop/r.conf:l>f1 " },
	{ "a link that comes, too", "w/o.conf->a", "/etc/shop/o.conf=x", "", SHOP ASK_CONF, "~l/etc/shop/o.conf", NULL,
	  "/etc/shop/o.conf:fx>l " },
	{ "a folder may stay", "w/r.conf=1", "/etc/shop/r.conf/x=1", "", SHOP ASK_CONF, " r/etc/shop/r.conf", NULL,
	  "/etc/shop/r.conf:d>f1 " },
	{ "but is never replaced", "w/o.conf=1", "/etc/shop/o.conf/x=1", "", SHOP ASK_CONF, NULL,
	  "a file never replaces a folder", "/etc/shop/o.conf:d>f1 " },
	{ "not even when it is to be kept beside", "w/b.conf=1", "/etc/shop/b.conf/x=1", "", SHOP ASK_CONF, NULL,
	  "a file never replaces a folder", "/etc/shop/b.conf:d>f1 " },

	{ "ours and not touched: nothing is asked", "w/d.conf=2", "/etc/shop/d.conf=1", "/etc/shop/d.conf=1",
	  SHOP ASK_CONF, "~f/etc/shop/d.conf", NULL, "" },
	{ "ours and edited: replaced", "w/o.conf=2", "/etc/shop/o.conf=mine", "/etc/shop/o.conf=1", SHOP ASK_CONF,
	  "~f/etc/shop/o.conf", NULL, "/etc/shop/o.conf:fmine>f2! " },
	{ "ours and edited: stays ours", "w/r.conf=2", "/etc/shop/r.conf=mine", "/etc/shop/r.conf=1", SHOP ASK_CONF,
	  " e/etc/shop/r.conf", "was edited since", "/etc/shop/r.conf:fmine>f2! " },
	{ "ours and edited: refused", "w/d.conf=2", "/etc/shop/d.conf=mine", "/etc/shop/d.conf=1", SHOP ASK_CONF, NULL,
	  "p.lua answers 'disallow'", "/etc/shop/d.conf:fmine>f2! " },
	{ "ours and edited: kept beside", "w/b.conf=2", "/etc/shop/b.conf=mine", "/etc/shop/b.conf=1", SHOP ASK_CONF,
	  "~f/etc/shop/b.conf", NULL, "/etc/shop/b.conf:fmine>f2! " },
	{ "edited to what comes: nothing is asked", "w/d.conf=2", "/etc/shop/d.conf=2", "/etc/shop/d.conf=1",
	  SHOP ASK_CONF, "~f/etc/shop/d.conf", NULL, "" },
	{ "ours, edited, and in the revision no more: it stays unasked", "w/a=1", "/etc/shop/d/o.conf=mine",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/o.conf=1", SHOP ASK_ALL, "=d/etc/shop +f/etc/shop/a",
	  "is not in this revision any more", "" },
	{ "the folder of an edited file that is replaced is ours as before", "w/d/o.conf=2", "/etc/shop/d/o.conf=mine",
	  "/etc/shop/ /etc/shop/d/ /etc/shop/d/o.conf=1", SHOP ASK_ALL,
	  "=d/etc/shop =d/etc/shop/d ~f/etc/shop/d/o.conf", NULL, "/etc/shop/d/o.conf:fmine>f2! " },
	{ "all conflicts are asked about, refused or not", "w/d.conf=1 w/r.conf=1 w/x.conf=1",
	  "/etc/shop/d.conf=a /etc/shop/r.conf=b /etc/shop/x.conf=c", "", SHOP ASK_CONF, NULL,
	  "p.lua answers 'disallow'", "/etc/shop/d.conf:fa>f1 /etc/shop/r.conf:fb>f1 /etc/shop/x.conf:fc>f1 " },
	{ "a path is told as the appspec spells it", "w/o.conf=1", "/data/o.conf=x /etc/shop->/data", "", SHOP ASK_CONF,
	  "~f/data/o.conf", NULL, "/etc/shop/o.conf:fx>f1 " },
};

static void a_script_is_asked_about_every_conflict_and_obeyed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oracle o = { .asked = STR_INIT(4096) };
		struct err err = ERR_INIT;
		struct host h;

		print_message("  %s\n", cases[i].why);
		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);

		int r = plan_with(&h, &o, &err);

		if (r < 0 && cases[i].want)
			fail_msg("%s", err.msg);
		assert_int_equal(cases[i].want ? 0 : -1, r);
		if (cases[i].finds && !strstr(h.plan->findings.items[0].message, cases[i].finds))
			fail_msg("%s", h.plan->findings.items[0].message);
		if (cases[i].want) {
			AUTO_FREE char *text = shown(h.plan);

			assert_int_equal(cases[i].finds ? 1 : 0, h.plan->findings.count);
			assert_string_equal(cases[i].want, text);
		}
		assert_string_equal(cases[i].asked, str_text(&o.asked));
		assert_true(o.readied > 0);
		str_done(&o.asked);
		host_done(&h);
	}
}

/* Nor is a script asked about something that could not be looked at. */
static void whichever_question_stays_without_an_answer_there_is_no_plan(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct oracle o = { .asked = STR_INIT(64 * 1024) };
		struct err err = ERR_INIT;
		struct host h;

		host_init(&h, cases[i].bundle, cases[i].disk, cases[i].ours, cases[i].spec);
		(void)plan_with(&h, &o, &err); /* refused or not */

		unsigned questions = h.disk.asked;

		for (h.disk.fails_at = 1; h.disk.fails_at <= questions; h.disk.fails_at++) {
			plan_free(h.plan);
			h.disk.asked = 0;
			str_clear(&o.asked);
			assert_int_equal(-1, plan_with(&h, &o, &err));
			assert_string_equal("the disk does not answer", err.msg);
		}
		str_done(&o.asked);
		host_done(&h);
	}
}

static void what_is_to_be_kept_beside_is_noted_as_that(void **state)
{
	struct oracle o = { .asked = STR_INIT(4096) };
	struct err err = ERR_INIT;
	struct host h;

	(void)state;
	host_init(&h, "w/b.conf=1 w/r.conf=1", "/etc/shop/b.conf=x /etc/shop/r.conf=x", "", SHOP ASK_CONF);
	assert_int_equal(0, plan_with(&h, &o, &err));
	assert_int_equal(2, h.plan->conflict_count);
	assert_int_equal(VERDICT_BACKUP, h.plan->conflicts[0].verdict);
	assert_int_equal(VERDICT_RETAIN, h.plan->conflicts[1].verdict);
	assert_int_equal(1, h.plan->counts.changed);
	str_done(&o.asked);
	host_done(&h);
}

static const struct {
	const char *why;
	bool nobody, unready, dies;
	const char *asked;
	size_t findings;
	const char *finds;
} silences[] = {
	{ "there is nobody to ask", true, false, false, "", 1, "appspec line 7: p.lua: there is nobody to ask it" },
	{ "the script does not compile", false, true, false, "", 1, "appspec line 7: p.lua:3: does not compile" },
	{ "the script fails each time", false, false, false, "/etc/shop/x.conf:fx>f1 /etc/shop/y.conf:fx>f1 ", 2,
	  "appspec line 7: '/etc/shop/x.conf': p.lua:7: no idea" },
	{ "the script is gone after the first", false, false, true, "/etc/shop/x.conf:fx>f1 ", 1,
	  "appspec line 7: '/etc/shop/x.conf': p.lua:7: no idea" },
};

static void who_does_not_answer_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
		struct oracle o = { .asked = STR_INIT(4096), .unready = silences[i].unready, .dies = silences[i].dies };
		struct err err = ERR_INIT;
		struct host h;

		print_message("  %s\n", silences[i].why);
		host_init(&h, "w/x.conf=1 w/y.conf=1", "/etc/shop/x.conf=x /etc/shop/y.conf=x", "", SHOP ASK_CONF);
		assert_int_equal(-1, silences[i].nobody ? plan_build(&h.in, &h.plan, &err) : plan_with(&h, &o, &err));
		assert_int_equal(ERR_SCRIPT_FAILED, err.kind);
		assert_string_equal(silences[i].finds, err.msg);
		assert_string_equal(silences[i].asked, str_text(&o.asked));
		assert_int_equal(silences[i].findings, h.plan->findings.errors);
		assert_true(h.plan->hard > 0);
		for (size_t k = 0; k < h.plan->conflict_count; k++)
			assert_int_equal(VERDICT_REFUSE, h.plan->conflicts[k].verdict);
		str_done(&o.asked);
		host_done(&h);
	}
}

static void paths_are_told_without_the_prefix(void **state)
{
	struct oracle o = { .asked = STR_INIT(4096) };
	struct err err = ERR_INIT;
	struct host h;

	(void)state;
	host_init(&h, "w/o.conf=1", "/try/etc/shop/o.conf=x", "", SHOP ASK_CONF);
	h.in.install_prefix = "/try";
	assert_int_equal(0, plan_with(&h, &o, &err));
	assert_string_equal("/etc/shop/o.conf:fx>f1 ", str_text(&o.asked));
	str_done(&o.asked);
	host_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_is_asked_about_every_conflict_and_obeyed),
		cmocka_unit_test(whichever_question_stays_without_an_answer_there_is_no_plan),
		cmocka_unit_test(what_is_to_be_kept_beside_is_noted_as_that),
		cmocka_unit_test(who_does_not_answer_refuses),
		cmocka_unit_test(paths_are_told_without_the_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
