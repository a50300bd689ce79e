/* Lint: event names, guesses, and the appspec against a bundle. */
#include "appspec/lint.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/nearest.h"
#include "util/str.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_world.h"

#define HEAD "version: 0.0\nos: linux\n"

static struct appspec *parse(const char *text, struct findings *f)
{
	struct appspec *a = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &a, f, &err) < 0)
		fail_msg("%s", err.msg);
	return a;
}

static void put(int dir_fd, const char *name, const char *text, mode_t mode)
{
	AUTO_FD int fd = fs_create(dir_fd, name, O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(fs_write(fd, text, strlen(text)), 0);
}

/* A bundle with something of everything. */
static int bundle(const char *path)
{
	struct err err = ERR_INIT;
	int fd = fs_open_dir(path, &err);

	assert_true(fd >= 0);
	assert_int_equal(fs_mkdir(fd, "web", 0755), 0);
	assert_int_equal(fs_mkdir(fd, "web/css", 0755), 0);
	put(fd, "web/index.html", "hello", 0644);
	put(fd, "web/css/a.css", "a", 0644);
	put(fd, "app.conf", "x", 0644);
	put(fd, "good.sh", "#!/bin/sh\nexit 0\n", 0755);
	put(fd, "lazy.sh", "#!/bin/sh\n", 0644);
	put(fd, "bare.sh", "echo hello\n", 0755);
	put(fd, "dos.sh", "#!/bin/sh\r\nexit 0\r\n", 0755);
	put(fd, "check.lua", "return true\n", 0644);
	put(fd, "other.lua", "#!/usr/bin/lua\n", 0644);
	put(fd, "empty.sh", "", 0755);
	put(fd, "short.sh", "x", 0755);
	put(fd, "blank.sh", "\nexit 0\n", 0755);
	put(fd, "bare-dos.sh", "exit 0\r\n", 0755);
	put(fd, "program",
	    "\x7f"
	    "ELF",
	    0755);
	assert_int_equal(fs_symlink("web", fd, "site"), 0);
	assert_int_equal(fs_symlink("good.sh", fd, "link.sh"), 0);
	assert_int_equal(fs_symlink("nowhere", fd, "dangling.sh"), 0);
	assert_int_equal(fs_symlink("../..", fd, "web/loop"), 0);
	assert_int_equal(fs_symlink(".", fd, "web/self"), 0);
	return fd;
}

/* One message of each case; NULL: none at all. LEVEL and LINE belong to it. */
static const struct {
	const char *why, *text, *want;
	enum finding_level level;
	unsigned line;
} cases[] = {
	{ "all is well", "files: [{source: web, destination: /srv}]\nhooks: {AfterInstall: [{location: good.sh}]}\n",
	  NULL, 0, 0 },
	{ "the whole archive", "files: [{source: /, destination: /srv}]\n", NULL, 0, 0 },
	{ "a link to a folder",
	  "files: [{source: site, destination: /srv}]\n"
	  "permissions: [{object: /srv, pattern: '*.html', type: [file], mode: 644}]\n",
	  NULL, 0, 0 },
	{ "a script behind a link", "hooks: {AfterInstall: [{location: /link.sh}]}\n", NULL, 0, 0 },
	{ "a program", "hooks: {AfterInstall: [{location: program}]}\n", NULL, 0, 0 },
	{ "no such source", "files:\n  - source: wep\n    destination: /srv\n",
	  "the source 'wep' is not in the bundle: add it, or mend the path", FINDING_ERROR, 4 },
	{ "a file for a folder", "files: [{source: app.conf, destination: /etc/app.conf}]\n",
	  "this installs '/etc/app.conf/app.conf'; name the folder", FINDING_WARNING, 3 },
	{ "no such script", "hooks: {AfterInstall: [{location: goood.sh}]}\n",
	  "the script 'goood.sh' is not in the bundle: add it", FINDING_ERROR, 3 },
	{ "a folder as script", "hooks: {AfterInstall: [{location: web}]}\n", "the script 'web' is no file",
	  FINDING_ERROR, 3 },
	{ "a dangling script", "hooks: {AfterInstall: [{location: dangling.sh}]}\n", "a link that leads to nothing",
	  FINDING_ERROR, 3 },
	{ "not executable", "hooks: {AfterInstall: [{location: lazy.sh}]}\n", "chmod +x it before bundling",
	  FINDING_WARNING, 3 },
	{ "no #!", "hooks: {AfterInstall: [{location: bare.sh}]}\n", "start it with '#!/bin/sh'", FINDING_WARNING, 3 },
	{ "one letter", "hooks: {AfterInstall: [{location: short.sh}]}\n", "has no '#!' line", FINDING_WARNING, 3 },
	{ "an empty first line", "hooks: {AfterInstall: [{location: blank.sh}]}\n",
	  "start it with '#!/bin/sh' or its "
	  "interpreter",
	  FINDING_WARNING, 3 },
	{ "no #!, and CR LF", "hooks: {AfterInstall: [{location: bare-dos.sh}]}\n",
	  "interpreter; its lines end in CR LF, convert them", FINDING_WARNING, 3 },
	{ "CR LF", "hooks: {AfterInstall: [{location: dos.sh}]}\n", "its interpreter will not be found: convert it",
	  FINDING_WARNING, 3 },
	{ "Lua, which the agent runs itself", "hooks: {AfterInstall: [{location: check.lua}]}\n", NULL, 0, 0 },
	{ "Lua for another interpreter", "hooks: {AfterInstall: [{location: other.lua}]}\n",
	  "chmod +x it before bundling", FINDING_WARNING, 3 },
	{ "an empty script", "hooks: {AfterInstall: [{location: empty.sh}]}\n", "is empty and does nothing",
	  FINDING_WARNING, 3 },
	{ "a pattern that reaches into folders only in dreams",
	  "files: [{source: web, destination: /srv}]\npermissions: [{object: /srv, pattern: '*.css', mode: 644}]\n",
	  "the pattern '*.css' matches nothing", FINDING_WARNING, 4 },
	{ "the same, from the right object",
	  "files: [{source: web, destination: /srv}]\npermissions: [{object: /srv/css/, pattern: '*.css', mode: "
	  "644}]\n",
	  NULL, 0, 0 },
	{ "an object nothing goes to",
	  "files: [{source: web, destination: /srv}]\npermissions: [{object: /var, mode: 644}]\n",
	  "this permission matches nothing", FINDING_WARNING, 4 },
	{ "everything excepted",
	  "files: [{source: app.conf, destination: /etc/app}]\n"
	  "permissions: [{object: /etc/app, pattern: '*', except: ['*.conf'], mode: 644}]\n",
	  "matches nothing", FINDING_WARNING, 4 },
	{ "a folder on the way may be made",
	  "files: [{source: app.conf, destination: /etc/app}]\n"
	  "permissions: [{object: /etc, pattern: app, type: [directory], mode: 755}]\n",
	  NULL, 0, 0 },
	{ "the object itself is not meant",
	  "files: [{source: app.conf, destination: /etc/app}]\n"
	  "permissions: [{object: /etc/app, type: [directory], mode: 755}]\n",
	  "matches nothing", FINDING_WARNING, 4 },
	{ "a file as object",
	  "files: [{source: app.conf, destination: /etc/app}]\npermissions: [{object: /etc/app/app.conf, mode: 600}]\n",
	  NULL, 0, 0 },
	{ "a pattern for a file",
	  "files: [{source: app.conf, destination: /etc/app}]\n"
	  "permissions: [{object: /etc/app/app.conf, pattern: '*', mode: 600}]\n",
	  "includes an object (/etc/app/app.conf) with an invalid pattern (*), such as", FINDING_ERROR, 4 },
	{ "an exception for a file",
	  "files: [{source: app.conf, destination: /etc/app}]\n"
	  "permissions: [{object: /etc/app/app.conf, except: [x], mode: 600}]\n",
	  "the except parameter for a pattern in the permissions section (x) for the object named /etc/app/app.conf",
	  FINDING_ERROR, 4 },
	{ "a default ACL for files",
	  "files: [{source: web, destination: /srv}]\npermissions: [{object: /srv, acls: ['d:bob:r']}]\n",
	  "the -d parameter has been specified to apply an acl setting to a file", FINDING_ERROR, 4 },
	{ "a default ACL for folders",
	  "files: [{source: web, destination: /srv}]\n"
	  "permissions: [{object: /srv, type: [directory], acls: ['d:bob:r']}]\n",
	  NULL, 0, 0 },
	{ "an overwrite rule for a file",
	  "files: [{source: web, destination: /srv}]\n"
	  "slipway: {overwrite: [{path: '/srv/**/*.css', behavior: RETAIN}]}\n",
	  NULL, 0, 0 },
	{ "an overwrite rule that stays within its folder",
	  "files: [{source: web, destination: /srv}]\n"
	  "slipway:\n  overwrite: [{path: '/srv/*.css', behavior: RETAIN}]\n",
	  "the path '/srv/*.css' matches no file that is installed: '*' stays within a folder", FINDING_WARNING, 5 },
	{ "an overwrite rule for a folder",
	  "files: [{source: web, destination: /srv}]\nslipway: {overwrite: [{path: /srv/css, behavior: RETAIN}]}\n",
	  "'/**' at the end means all that is below one", FINDING_WARNING, 4 },
	{ "no script of our own", "slipway: {hooks: {AfterInstall: [{location: goood.sh}]}}\n",
	  "the script 'goood.sh' is not in the bundle: add it", FINDING_ERROR, 3 },
};

#define TO_SRV	   "files: [{source: a, destination: /srv}]\n"
#define PERMIT(it) TO_SRV "permissions: [" it "]\n"

/* As above, in bundles made of words (fake_world.h), whose scripts cannot be read. */
static const struct {
	const char *why, *bundle, *text, *want;
	enum finding_level level;
} words[] = {
	{ "a pipe as source", "a|", TO_SRV, "the source 'a' is neither a file, a folder nor a link", FINDING_ERROR },
	{ "a dangling link as source", "a->b", TO_SRV, NULL, 0 },
	{ "a dangling link as object", "a->b", PERMIT("{object: /srv/a, mode: 644}"), NULL, 0 },
	{ "a script that cannot be read", "a=x", "hooks: {AfterInstall: [{location: a}]}\n", "cannot be read here",
	  FINDING_WARNING },
	{ "a folder on the way with dots and slashes", "a=x",
	  "files: [{source: a, destination: //srv/../x/yy/./..//../srv}]\n"
	  "permissions: [{object: /../../srv/./, mode: 644}]\n",
	  NULL, 0 },
	{ "an exception behind another", "a/x=1", PERMIT("{object: /srv, pattern: '*', except: [b, x], mode: 644}"),
	  "matches nothing", FINDING_WARNING },
	{ "an exception with a slash, which is no name", "a/x/y=1",
	  PERMIT("{object: /srv, type: [file], except: ['*y'], mode: 644}"), NULL, 0 },
	{ "an ACL that is no default", "a/x=1", PERMIT("{object: /srv, acls: ['bob:r', 'd:bob:r'], type: [file]}"),
	  "the -d parameter", FINDING_ERROR },
	{ "two defaults are told once", "a/x=1 a/y=1", PERMIT("{object: /srv, acls: ['d:eve:r', 'd:bob:r']}"),
	  "the -d parameter", FINDING_ERROR },
	{ "nothing is said of what a missing source might have matched", "b=1",
	  PERMIT("{object: /var, mode: 644}") "slipway: {overwrite: [{path: /x, behavior: RETAIN}]}\n",
	  "the source 'a' is not in the bundle", FINDING_ERROR },
	{ "a permission for no type at all", "a=1", PERMIT("{object: /var, mode: 644, type: []}"), NULL, 0 },
	{ "a link out by an absolute path", "a->/etc/passwd", "",
	  "the link 'a' leads out of the bundle to '/etc/passwd'", FINDING_WARNING },
	{ "a link out and in again", "b/a->../../b/c", "", "the link 'b/a' leads out", FINDING_WARNING },
	{ "links that go up and stay inside", "b/a->../c b/d->./.././c b/e->x/../.. b/f->..", "", NULL, 0 },
	{ "more links out than anybody reads", "a->/ b->/ c->/ d->/ e->/ f->/ g->/ h->/ i->/ j->/ k->/ l->/", "",
	  "and 2 more links lead out of the bundle", FINDING_WARNING },
};

static void a_listing_alone_shows_much(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "%s", words[i].text);
		struct findings f = { 0 };
		struct appspec *a = parse(text, &f);
		struct fake_bundle b;

		print_message("  %s\n", words[i].why);
		findings_done(&f); /* what the appspec alone shows */
		fake_bundle_init(&b, words[i].bundle);
		lint_bundle(a, &b.tree, -1, false, &f);
		if (!words[i].want && f.count)
			fail_msg("%s", f.items[0].message);
		if (words[i].want) {
			const struct finding *last = f.count ? &f.items[f.count - 1] : NULL;

			if (!last || !strstr(last->message, words[i].want))
				fail_msg("%s", last ? last->message : "nothing was found");
			assert_int_equal(last->level, words[i].level);
		}
		fake_bundle_done(&b);
		appspec_free(a);
		findings_done(&f);
	}
}

/* What is longer than any path can be is for the plan to refuse; here it only must not be taken for something else. */
static void paths_of_any_length_are_looked_at(void **state)
{
	static const char *const destinations[] = { "/", "/x", "/x/", "/xx/" }; /* before 4090 bytes */
	char deep[4096];

	(void)state;
	memset(deep, 'a', sizeof(deep));
	deep[4090] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "files: [{source: file, destination: '%s%s'}, "
						      "{source: folder, destination: '%s%s'}]\n",
						 destinations[i], deep, destinations[i], deep);
		struct findings f = { 0 };
		struct appspec *a = parse(text, &f);
		struct fake_bundle b;

		fake_bundle_init(&b, "file=1 folder/long-name=1");
		lint_bundle(a, &b.tree, -1, false, &f);
		assert_int_equal(f.count, 0);
		fake_bundle_done(&b);
		appspec_free(a);
		findings_done(&f);
	}
}

static void a_refusal_in_too_many_words_is_one_all_the_same(void **state)
{
	AUTO_FREE char *pattern = xmalloc(20001);
	struct findings f = { 0 };
	struct fake_bundle b;

	(void)state;
	memset(pattern, '?', 20000);
	pattern[20000] = '\0';

	AUTO_FREE char *text = xasprintf(HEAD PERMIT("{object: /srv/a, pattern: '%s', mode: 644}"), pattern);
	struct appspec *a = parse(text, &f);

	fake_bundle_init(&b, "a=1");
	lint_bundle(a, &b.tree, -1, false, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.errors, 1);
	assert_string_equal(f.items[0].message, "this permission is refused, and why is too long to be shown");
	fake_bundle_done(&b);
	appspec_free(a);
	findings_done(&f);
}

static void a_bundle_is_held_against_its_appspec(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int fd = bundle(path);
	struct tree tree;
	struct err err = ERR_INIT;

	assert_int_equal(tree_scan(fd, 1000, &tree, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "%s", cases[i].text);
		struct findings f = { 0 };
		struct appspec *a = parse(text, &f);
		size_t links = 0;

		print_message("  %s\n", cases[i].why);
		lint_bundle(a, &tree, fd, false, &f);
		lint_sort(&f);
		for (size_t k = 0; k < f.count; k++)
			links += !!strstr(f.items[k].message, "the link 'web/loop' leads out of the bundle to '../..'");
		assert_int_equal(links, 1);
		if (f.count != links + !!cases[i].want)
			fail_msg("%zu findings; %s", f.count, f.items[f.count - 1].message);
		if (cases[i].want) { /* behind the link, which has no line */
			if (!strstr(f.items[1].message, cases[i].want))
				fail_msg("%s", f.items[1].message);
			assert_int_equal(f.items[1].level, cases[i].level);
			assert_int_equal(f.items[1].place.line, cases[i].line);
		}
		appspec_free(a);
		findings_done(&f);
	}
	tree_done(&tree);
}

/* WANT: in the only message, which stands on LINE; NULL: none. */
static const struct {
	const char *why, *text, *want;
	unsigned line;
	bool portable;
} documents[] = {
	{ "all is well", HEAD "hooks:\n  AfterInstall: [{location: a, timeout: 3600}]\n", NULL, 0, true },
	{ "no YAML is another's to tell", "a: [\n", NULL, 0, true },
	{ "nothing at all", "", NULL, 0, true },
	{ "a byte order mark", "\xef\xbb\xbf" HEAD, "starts with a byte order mark", 1, false },
	{ "a mark further down", HEAD "# \xef\xbb\xbf\n", NULL, 0, false },
	{ "an event with null", HEAD "hooks:\n  AfterInstall:\n", "the event 'AfterInstall' has no scripts", 4, false },
	{ "an event with an empty list", HEAD "hooks:\n  AfterInstall: []\n", "has an empty list of scripts", 4,
	  false },
	{ "an event of our own with null", HEAD "slipway: {hooks: {\n  AfterInstall: }}\n", "has no scripts", 4,
	  false },
	{ "hooks that are null", HEAD "hooks:\nslipway:\n", NULL, 0, true },
	{ "a timeout over an hour", HEAD "hooks: {AfterInstall: [{location: a, timeout: 3601}]}\n",
	  "the timeouts of 'AfterInstall' add up to 3601 seconds", 3, false },
	{ "an hour in parts",
	  HEAD "hooks: {AfterInstall: [{location: a, timeout: 1800}, {location: b, timeout: 1800}]}\n", NULL, 0,
	  false },
	{ "more than that in parts",
	  HEAD "hooks: {AfterInstall: [{location: a, timeout: 1800}, {location: b, timeout: 1801s}]}\n",
	  "add up to 3601 seconds", 3, false },
	{ "what nobody wrote is not counted",
	  HEAD "hooks: {AfterInstall: [{location: a}, {location: b, timeout: 5}]}\n", NULL, 0, false },
	{ "our own scripts have no such limit",
	  HEAD "slipway: {hooks: {AfterInstall: [{location: a, timeout: 9000}]}}\n", NULL, 0, false },
	{ "a timeout that is no whole number", HEAD "hooks: {AfterInstall: [{location: a, timeout: 3600.5}]}\n",
	  "add up to 3600 seconds", 3, false },
	{ "timeouts that are refused elsewhere",
	  HEAD "hooks: {AfterInstall: [{timeout: [9000]}, {timeout: -9000}, {timeout: yes}, 9000]}\n", NULL, 0, false },
	{ "what is no list of scripts is told elsewhere", HEAD "hooks: {AfterInstall: a.sh, ? [b] : [c]}\n", NULL, 0,
	  false },
	{ "an alias, and nobody asked", HEAD "a: &a [1]\nb: *a\n", NULL, 0, false },
	{ "an alias", HEAD "a: &a [1]\nb: *a\n", "refuses aliases", 3, true },
	{ "a merge key", HEAD "a: &a {x: 1}\nb: {<<: *a}\n", "refuses aliases", 3, true },
	{ "an anchor that nobody names", HEAD "a: &a [1, 1]\nb: [1]\n", NULL, 0, true },
	{ "a mode with a 9 in it", HEAD "permissions:\n- {object: /a, mode: 0755}\n",
	  "refuse the revision for the mode 0755, which is 493 to them: write \"0755\"", 4, true },
	{ "a mode that is another one", HEAD "permissions:\n- {object: /a, mode: 0644}\n",
	  "set the mode 0420 where 0644 is written", 4, true },
	{ "a mode of five digits", HEAD "permissions:\n- {object: /a, mode: 01777}\n",
	  "set the mode 1023 where 01777 is written: write \"1777\"", 4, true },
	{ "a mode of too many digits for them", HEAD "permissions:\n- {object: /a, mode: 0200000}\n",
	  "refuse the revision for the mode 0200000, which is 65536 to them", 4, true },
	{ "a mode of one digit", HEAD "permissions:\n- {object: /a, mode: 0}\n", NULL, 0, true },
	{ "permissions and contexts that are told elsewhere",
	  HEAD "permissions: [{context: [t]}, x]\nslipway: [hooks]\n", NULL, 0, true },
	{ "permissions that are no list", HEAD "permissions: {mode: 0755}\n", NULL, 0, true },
	{ "a mode in quotes", HEAD "permissions:\n- {object: /a, mode: \"0755\"}\n", NULL, 0, true },
	{ "a mode without a 0 in front", HEAD "permissions:\n- {object: /a, mode: 755}\n", NULL, 0, true },
	{ "a mode of 0", HEAD "permissions:\n- {object: /a, mode: 000}\n", NULL, 0, true },
	{ "a context without a range", HEAD "permissions:\n- {object: /a, context: {type: t}}\n",
	  "breaks off at a context without a range", 4, true },
	{ "a context with an empty range", HEAD "permissions:\n- {object: /a, context: {type: t, range: }}\n",
	  "breaks off at a context without a range", 4, true },
	{ "a context with one", HEAD "permissions:\n- {object: /a, context: {type: t, range: s0}}\n", NULL, 0, true },
	{ "scripts of our own", HEAD "slipway:\n  hooks: {AfterInstall: [{location: a}]}\n", "do not run these scripts",
	  4, true },
	{ "variables of our own", HEAD "slipway:\n  env: {A: b}\n", "do not get these variables", 4, true },
	{ "rules of our own", HEAD "slipway:\n  overwrite: []\n", "file_exists_behavior alone decides", 4, true },
	{ "what only we require", HEAD "slipway:\n  requires: 0.1\n", "whatever it requires", 4, true },
};

static void a_document_of_more_than_a_mebibyte_is_not_looked_at(void **state)
{
	AUTO(str_done) struct str text = STR_INIT(2 * APPSPEC_MAX_BYTES);
	struct findings f = { 0 };

	(void)state;
	assert_int_equal(str_add(&text, HEAD "hooks:\n  AfterInstall:\n"), 0);
	while (text.len <= APPSPEC_MAX_BYTES)
		assert_int_equal(str_add(&text, "# a comment that goes on and on\n"), 0);
	lint_text(text.data, text.len, true, &f);
	assert_int_equal(f.count, 0);
	findings_done(&f);
}

static void an_alias_is_found_in_a_document_of_any_length(void **state)
{
	AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
	struct findings f = { 0 };

	(void)state;
	assert_int_equal(str_add(&text, HEAD "one: &a x\nfiles:\n"), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(str_printf(&text, "  - {source: s%d, destination: /d%d}\n", i, i), 0);
	assert_int_equal(str_add(&text, "two: *a\n"), 0);
	lint_text(text.data, text.len, true, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].place.line, 3);
	findings_done(&f);
}

static void expect_one(const struct findings *f, const char *want, unsigned line)
{
	for (size_t i = 0; i < f->count; i++)
		if (!want || !strstr(f->items[i].message, want))
			fail_msg("line %u: %s", f->items[i].place.line, f->items[i].message);
	assert_int_equal(f->count, want ? 1 : 0);
	if (!want)
		return;
	assert_int_equal(f->items[0].level, FINDING_WARNING);
	assert_int_equal(f->items[0].place.line, line);
}

static void a_document_shows_what_its_values_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		struct findings f = { 0 };

		print_message("  %s\n", documents[i].why);
		lint_text(documents[i].text, strlen(documents[i].text), documents[i].portable, &f);
		expect_one(&f, documents[i].want, documents[i].line);
		findings_done(&f);
	}
}

/* As above, of values. */
static const struct {
	const char *why, *text, *want;
	unsigned line;
} elsewhere[] = {
	{ "all is well", "files: [{source: /, destination: /srv}]\nhooks: {AfterInstall: [{location: a/b-c_d.sh}]}\n",
	  NULL, 0 },
	{ "an event with a load balancer", "hooks:\n  AfterAllowTraffic: [{location: a}]\n",
	  "never runs 'AfterAllowTraffic' in an in-place deployment without a load balancer", 4 },
	{ "another", "hooks:\n  BeforeBlockTraffic: [{location: a}]\n", "never runs 'BeforeBlockTraffic'", 4 },
	{ "an event of ours", "hooks:\n  WarmUp: [{location: a}]\n", "refuse the revision for 'WarmUp'", 4 },
	{ "one that they do not see", "slipway:\n  hooks: {WarmUp: [{location: a}]}\n", NULL, 0 },
	{ "a blank in a path", "hooks: {AfterInstall: [{location: a b.sh}]}\n", "does not quote 'a b.sh'", 3 },
	{ "a sign of the shell", "hooks: {AfterInstall: [{location: a&b.sh}]}\n", "does not quote 'a&b.sh'", 3 },
	{ "setuid", "permissions: [{object: /a, mode: 4755}]\n", "refuses the mode 4755 where", 3 },
	{ "sticky", "permissions: [{object: /a, mode: 1755}]\n", NULL, 0 },
	{ "no mode", "permissions: [{object: /a, owner: root}]\n", NULL, 0 },
};

static void other_agents_do_otherwise(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "%s", elsewhere[i].text);
		struct findings f = { 0 };
		struct appspec *a = parse(text, &f);

		print_message("  %s\n", elsewhere[i].why);
		lint_portable(a, &f);
		expect_one(&f, elsewhere[i].want, elsewhere[i].line);
		appspec_free(a);
		findings_done(&f);
	}
}

static void relative_paths_lie_elsewhere_for_other_agents(void **state)
{
	(void)state;
	struct findings f = { 0 };
	struct appspec *a = parse(
		HEAD "files: [{source: /, destination: srv}]\npermissions: [{object: srv, mode: 644}]\n", &f);

	findings_done(&f); /* that they are taken below / */
	lint_portable(a, &f);
	assert_int_equal(f.count, 2);
	assert_non_null(
		strstr(f.items[0].message, "takes the destination 'srv' to be below the folder it was started in"));
	assert_non_null(strstr(f.items[1].message, "takes the object 'srv' to be below"));
	appspec_free(a);
	findings_done(&f);
}

static void what_is_wrong_is_left_out_and_the_rest_is_looked_at(void **state)
{
	(void)state;
	struct findings f = { 0 };
	static const char text[] =
		"os: plan9\n"
		"files: [{source: a, destination: /a}, {source: b}, 3]\n"
		"hooks: {AfterInstall: [{location: a}, {timeout: 1}, {location: b}], [x]: [{location: c}]}\n"
		"permissions: [{object: /a, mode: 644}]\n"
		"slipway: {overwrite: [{path: a, behavior: RETAIN}]}\n";
	struct appspec *a = appspec_parse_rest(text, strlen(text), &f);

	assert_int_equal(f.errors, 7);
	assert_int_equal(a->file_count, 1);
	assert_string_equal(a->files[0].source, "a");
	assert_int_equal(a->hook_count, 1);
	assert_int_equal(a->hooks[0].script_count, 2);
	assert_string_equal(a->hooks[0].scripts[1].location, "b");
	assert_int_equal(a->permission_count, 0); /* two files are not known */
	assert_int_equal(a->overwrite_count, 0);
	appspec_free(a);
	findings_done(&f);
}

static void each_entry_that_lacks_something_is_left_out_for_itself(void **state)
{
	(void)state;
	struct findings f = { 0 };
	static const char text[] = HEAD "files: [{source: a, destination: /a}]\n"
					"permissions: [{object: /a, mode: 644}, {mode: 644}, 3]\n"
					"slipway: {overwrite: [{path: a, behavior: RETAIN}, {path: /b, behavior: "
					"RETAIN}, {behavior: RETAIN}]}\n";
	struct appspec *a = appspec_parse_rest(text, strlen(text), &f);

	assert_int_equal(f.errors, 4);
	assert_int_equal(a->permission_count, 1);
	assert_string_equal(a->permissions[0].object, "/a");
	assert_int_equal(a->overwrite_count, 1);
	assert_string_equal(a->overwrites[0].path, "/b");
	appspec_free(a);
	findings_done(&f);
}

static void of_a_good_appspec_everything_is_left(void **state)
{
	(void)state;
	struct findings f = { 0 };
	static const char text[] = HEAD "files: [{source: a, destination: /a}]\n";
	struct appspec *a = appspec_parse_rest(text, strlen(text), &f);

	assert_int_equal(f.count, 0);
	assert_int_equal(a->file_count, 1);
	appspec_free(a);
}

static void of_what_is_no_yaml_nothing_is_left(void **state)
{
	(void)state;
	struct findings f = { 0 };
	struct appspec *a = appspec_parse_rest("a: [", 4, &f);

	assert_int_equal(f.errors, 1);
	assert_int_equal(a->file_count + a->hook_count + a->permission_count, 0);
	appspec_free(a);
	findings_done(&f);
}

static unsigned questions;

static bool is_root(const char *name)
{
	questions++;
	return !strcmp(name, "root");
}

static void each_unknown_user_is_told_once(void **state)
{
	(void)state;
	struct findings f = { 0 };
	struct appspec *a = parse(HEAD "hooks:\n"
				       "  AfterInstall:\n"
				       "  - {location: a, runas: root}\n"
				       "  - {location: x}\n"
				       "  - {location: b, runas: ''}\n"
				       "  - {location: c, runas: nina}\n"
				       "  ApplicationStart: [{location: d, runas: nina}, {location: e, runas: root}]\n",
				  &f);

	findings_done(&f); /* that one is blank */
	questions = 0;
	lint_users(a, is_root, &f);
	expect_one(&f, "there is no user 'nina' on this host", 8);
	assert_int_equal(questions, 2);
	appspec_free(a);
	findings_done(&f);
}

static void no_more_than_a_hundred_users_are_asked_for(void **state)
{
	(void)state;
	struct str text = STR_INIT(65536);
	struct findings f = { 0 };

	assert_int_equal(str_add(&text, HEAD "hooks:\n  AfterInstall:\n"), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(str_printf(&text, "  - {location: a, runas: u%d}\n", i), 0);

	struct appspec *a = parse(str_text(&text), &f);

	questions = 0;
	lint_users(a, is_root, &f);
	assert_int_equal(questions, 100);
	assert_int_equal(f.count, 100);
	appspec_free(a);
	findings_done(&f);
	str_done(&text);
}

static void a_portable_bundle_has_no_links_and_no_lua_of_its_own_kind(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int fd = bundle(path);
	struct tree tree;
	struct err err = ERR_INIT;
	struct findings f = { 0 };
	struct appspec *a = parse(HEAD "hooks: {AfterInstall: [{location: check.lua}]}\n"
				       "slipway: {hooks: {AfterInstall: [{location: check.lua}]}}\n",
				  &f);

	assert_int_equal(tree_scan(fd, 1000, &tree, &err), 0);
	lint_bundle(a, &tree, fd, true, &f);
	lint_sort(&f);
	assert_int_equal(f.count, 3);
	assert_non_null(strstr(f.items[1].message, "there are links in the bundle (5), and the CodeDeploy agent 2.x"));
	assert_non_null(strstr(f.items[2].message, "let /bin/sh run the Lua script 'check.lua', which fails"));
	assert_int_equal(f.items[2].place.line, 3);
	tree_done(&tree);
	appspec_free(a);
	findings_done(&f);
}

static const struct {
	const char *event, *want;
} events[] = {
	{ "ApplicationStop", NULL },
	{ "BeforeInstall", NULL },
	{ "AfterInstall", NULL },
	{ "ApplicationStart", NULL },
	{ "ValidateService", NULL },
	{ "BeforeBlockTraffic", NULL },
	{ "AfterAllowTraffic", NULL },
	{ "BeforInstall", "did you mean 'BeforeInstall'?" },
	{ "afterinstall", "did you mean 'AfterInstall'?" },
	{ "ValidateServcie", "did you mean 'ValidateService'?" },
	{ "Install", "no scripts are run at 'Install': use BeforeInstall or AfterInstall" },
	{ "DownloadBundle", "use BeforeInstall" },
	{ "AllowTraffic", "use BeforeAllowTraffic or AfterAllowTraffic" },
	{ "MyOwnEvent", "its scripts run only when it is asked for by name" },
};

static void events_that_never_come_are_warned_about(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "hooks:\n  %s: [{location: a}]\n", events[i].event);
		struct findings f = { 0 };
		struct appspec *a = parse(text, &f);

		lint_events(a, &f);
		assert_int_equal(f.count, events[i].want ? 1 : 0);
		if (events[i].want && (!strstr(f.items[0].message, events[i].want) || f.items[0].place.line != 4))
			fail_msg("%s", f.items[0].message);
		appspec_free(a);
		findings_done(&f);
	}
}

static void the_agents_own_events_are_standard_ones_too(void **state)
{
	(void)state;
	assert_true(lint_event_is_standard("AfterInstall"));
	assert_true(lint_event_is_standard("DownloadBundle"));
	assert_false(lint_event_is_standard("Uninstall"));
}

static void events_of_our_own_hooks_are_looked_at_like_all_others(void **state)
{
	(void)state;
	struct findings f = { 0 };
	struct appspec *a = parse(HEAD "slipway:\n  hooks:\n    BeforInstall: [{location: a}]\n", &f);

	lint_events(a, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].place.line, 5);
	assert_non_null(strstr(f.items[0].message, "did you mean 'BeforeInstall'?"));
	appspec_free(a);
	findings_done(&f);
}

static void guesses_are_slips_of_the_keyboard_only(void **state)
{
	(void)state;
	static const char *const names[] = { "os", "files", "hooks", "permissions" };

	assert_string_equal(nearest_name("file", names, 4), "files");
	assert_string_equal(nearest_name("hoosk", names, 4), "hooks");
	assert_string_equal(nearest_name("PERMISSION", names, 4), "permissions");
	assert_null(nearest_name("files", names, 1));
	assert_null(nearest_name("so", names, 4));
	assert_null(nearest_name("", names, 4));
	assert_null(nearest_name("version", names, 4));
	assert_null(nearest_name("a name that is far longer than any key of any appspec there is", names, 4));
}

static void links_that_multiply_come_to_an_end(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	struct err err = ERR_INIT;
	AUTO_FD int fd = fs_open_dir(path, &err);
	struct tree tree;
	struct findings f = { 0 };

	for (int i = 0; i < 30; i++) { /* each folder holds two links to the next one: 2^30 paths */
		AUTO_FREE char *dir = xasprintf("d%d", i), *next = xasprintf("../d%d", i + 1);
		AUTO_FREE char *one = xasprintf("d%d/a", i), *two = xasprintf("d%d/b", i);

		assert_int_equal(fs_mkdir(fd, dir, 0755), 0);
		assert_int_equal(fs_symlink(next, fd, one), 0);
		assert_int_equal(fs_symlink(next, fd, two), 0);
	}
	assert_int_equal(fs_mkdir(fd, "d30", 0755), 0);

	struct appspec *a = parse(HEAD "files: [{source: d0, destination: /srv}]\n"
				       "permissions: [{object: /srv, pattern: none, mode: 644}]\n",
				  &f);

	assert_int_equal(tree_scan(fd, 1000, &tree, &err), 0);
	lint_bundle(a, &tree, fd, false, &f);
	assert_int_equal(f.count, 0); /* not decided, so nothing is said */
	tree_done(&tree);
	appspec_free(a);
	findings_done(&f);
}

static void findings_stand_in_the_order_of_the_file(void **state)
{
	(void)state;
	struct findings f = { 0 };

	findings_add(&f, FINDING_ERROR, (struct appspec_place){ 7, 3 }, "third");
	findings_add(&f, FINDING_WARNING, (struct appspec_place){ 9, 1 }, "fifth");
	findings_add(&f, FINDING_WARNING, (struct appspec_place){ 7, 1 }, "second");
	findings_add(&f, FINDING_ERROR, (struct appspec_place){ 7, 3 }, "fourth");
	findings_add(&f, FINDING_ERROR, (struct appspec_place){ 0, 0 }, "first");
	lint_sort(&f);
	assert_string_equal(f.items[0].message, "first");
	assert_string_equal(f.items[1].message, "second");
	assert_string_equal(f.items[2].message, "third");
	assert_string_equal(f.items[3].message, "fourth");
	assert_string_equal(f.items[4].message, "fifth");
	findings_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_is_held_against_its_appspec),
		cmocka_unit_test(a_listing_alone_shows_much),
		cmocka_unit_test(paths_of_any_length_are_looked_at),
		cmocka_unit_test(a_refusal_in_too_many_words_is_one_all_the_same),
		cmocka_unit_test(events_that_never_come_are_warned_about),
		cmocka_unit_test(the_agents_own_events_are_standard_ones_too),
		cmocka_unit_test(events_of_our_own_hooks_are_looked_at_like_all_others),
		cmocka_unit_test(a_document_shows_what_its_values_do_not),
		cmocka_unit_test(a_document_of_more_than_a_mebibyte_is_not_looked_at),
		cmocka_unit_test(an_alias_is_found_in_a_document_of_any_length),
		cmocka_unit_test(other_agents_do_otherwise),
		cmocka_unit_test(relative_paths_lie_elsewhere_for_other_agents),
		cmocka_unit_test(what_is_wrong_is_left_out_and_the_rest_is_looked_at),
		cmocka_unit_test(each_entry_that_lacks_something_is_left_out_for_itself),
		cmocka_unit_test(of_a_good_appspec_everything_is_left),
		cmocka_unit_test(of_what_is_no_yaml_nothing_is_left),
		cmocka_unit_test(each_unknown_user_is_told_once),
		cmocka_unit_test(no_more_than_a_hundred_users_are_asked_for),
		cmocka_unit_test(a_portable_bundle_has_no_links_and_no_lua_of_its_own_kind),
		cmocka_unit_test(guesses_are_slips_of_the_keyboard_only),
		cmocka_unit_test(links_that_multiply_come_to_an_end),
		cmocka_unit_test(findings_stand_in_the_order_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
