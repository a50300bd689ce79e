/* slipway.fs: what it does with files, what it refuses, and what is left when the disk fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script_help.h"

static void stat_tells_what_is_there(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "slipway.fs.write(FOLDER .. '/a', 'hello', { mode = '0640' })\n"
			"local s = slipway.fs.stat(FOLDER .. '/a')\n"
			"assert(s.type == 'file' and s.size == 5 and s.mode == '0640', s.mode)\n"
			"assert(math.abs(slipway.time() - s.mtime) < 1000)\n"
			"local _, id = slipway.run{'id', '-u'} assert(s.uid == tonumber(id))\n"
			"local _, name = slipway.run{'id', '-un'} assert(s.owner .. '\\n' == name)\n"
			"local _, group = slipway.run{'id', '-gn'} assert(s.group .. '\\n' == group)");
	must_succeed(f,
		     "assert(slipway.fs.stat(FOLDER).type == 'directory' and slipway.fs.stat('/dev/null').type == "
		     "'device')\n"
		     "assert(slipway.fs.stat(FOLDER .. '/none') == nil and slipway.fs.stat(FOLDER .. '/a/b') == nil)\n"
		     "assert(slipway.fs.exists(FOLDER) and not slipway.fs.exists(FOLDER .. '/none'))");
	must_succeed(f, "slipway.fs.symlink('nowhere', FOLDER .. '/l')\n"
			"assert(slipway.fs.stat(FOLDER .. '/l') == nil and not slipway.fs.exists(FOLDER .. '/l'))\n"
			"assert(slipway.fs.stat(FOLDER .. '/l', { follow = false }).type == 'link')\n"
			"slipway.run{'mkfifo', FOLDER .. '/p', check = true}\n"
			"assert(slipway.fs.stat(FOLDER .. '/p', { follow = true }).type == 'fifo')");
	must_fail(f, "slipway.fs.stat('/' .. ('x'):rep(300))", "s.lua:2: looking at '/xxx");
}

static void names_come_sorted(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "for _, n in ipairs{ 'b.conf', 'a.conf', '.hidden.conf', 'c.txt', 'B.conf' } do\n"
			"slipway.fs.write(FOLDER .. '/' .. n, '') end\n"
			"for _, n in ipairs{ 'y', 'x' } do slipway.fs.mkdir(FOLDER .. '/' .. n)\n"
			"slipway.fs.write(FOLDER .. '/' .. n .. '/1', '') end\n"
			"local function names(list) return (table.concat(list, ' '):gsub(FOLDER:gsub('%p', '%%%0') .. "
			"'/', '')) end\n"
			"local function is(want, got) assert(got == want, got) end\n"
			"is('.hidden.conf B.conf a.conf b.conf c.txt s.lua x y', names(slipway.fs.list(FOLDER)))\n"
			"is('B.conf a.conf b.conf', names(slipway.fs.glob(FOLDER .. '/*.conf')))\n"
			"is('a.conf b.conf', names(slipway.fs.glob(FOLDER .. '/[a-z].conf')))\n"
			"is('x/1 y/1', names(slipway.fs.glob(FOLDER .. '/?/1')))\n"
			"is('x/ y/', names(slipway.fs.glob(FOLDER .. '/*/')))\n"
			"is('.hidden.conf', names(slipway.fs.glob(FOLDER .. '/.h*')))\n"
			"is('x/1', names(slipway.fs.glob(FOLDER .. '//x///1')))\n"
			"is('', names(slipway.fs.glob(FOLDER .. '/*/2')))\n"
			"is('', names(slipway.fs.glob(FOLDER .. '/a.conf/*')))\n"
			"is('/', names(slipway.fs.glob('/')))");
	must_succeed(f, "slipway.fs.symlink('nowhere', FOLDER .. '/l*')\n"
			"assert(slipway.fs.glob(FOLDER .. '/l\\\\*')[1] == FOLDER .. '/l*')");
	must_fail(f, "slipway.fs.list(FOLDER .. '/none')", "/none': No such file or directory");
	must_fail(f, "slipway.fs.list(FOLDER .. '/s.lua')", "/s.lua': Not a directory");
	must_fail(f, "slipway.fs.glob('/' .. ('x'):rep(5000))", "s.lua:2: a pattern of more than 4096 bytes");
}

static void folders_are_made(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local fs, a = slipway.fs, FOLDER .. '/a'\n"
			"fs.mkdir(a .. '/b/c/', { parents = true, mode = '2775' })\n"
			"assert(fs.stat(a .. '/b/c').mode == '2775' and fs.stat(a .. '/b').mode == '0755')\n"
			"fs.mkdir(a .. '/b/c', { parents = true, mode = '0700' })\n"
			"assert(fs.stat(a .. '/b/c').mode == '2775')\n" /* it was there */
			"fs.mkdir(a .. '/d') assert(fs.stat(a .. '/d').mode == '0755')\n"
			"fs.mkdir('/', { parents = true })");
	must_fail(f, "slipway.fs.mkdir(FOLDER .. '/a')", "/a': File exists");
	must_fail(f, "slipway.fs.mkdir(FOLDER .. '/x/y')", "/x/y': No such file or directory");
	must_fail(f, "slipway.fs.mkdir(FOLDER .. '/s.lua', { parents = true })", "/s.lua': File exists");
	must_fail(f, "slipway.fs.mkdir(FOLDER .. '/s.lua/x', { parents = true })", "Not a directory");
}

static void what_is_removed_is_never_behind_a_link(void **state)
{
	static const char *const refused[] = { "/", "//", "/.", "/..", "/tmp/.", "/tmp/..", "/tmp/../" };
	struct fixture *f = *state;

	must_succeed(f, "local fs, a = slipway.fs, FOLDER .. '/a'\n"
			"fs.mkdir(a .. '/b', { parents = true }) fs.write(FOLDER .. '/kept', '')\n"
			"fs.symlink(FOLDER, a .. '/b/l') fs.symlink(FOLDER, FOLDER .. '/l')\n"
			"assert(fs.remove(a, { recursive = true }) == true and not fs.exists(a))\n"
			"assert(fs.remove(a, { recursive = true }) == false and fs.remove(a) == false)\n"
			"assert(fs.remove(FOLDER .. '/kept/x') == false)\n"
			"assert(fs.remove(FOLDER .. '/l', { recursive = true }) and fs.exists(FOLDER .. '/kept'))\n"
			"fs.mkdir(a) assert(fs.remove(a .. '/') == true)\n"
			"assert(fs.remove(FOLDER .. '/kept') == true and not fs.exists(FOLDER .. '/kept'))");
	must_fail(f, "slipway.fs.mkdir(FOLDER .. '/a/b', { parents = true }) slipway.fs.remove(FOLDER .. '/a')",
		  "/a': Directory not empty");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO_FREE char *text = xasprintf("slipway.fs.remove('%s', { recursive = true })", refused[i]);

		must_fail(f, text, "that is never done");
	}
}

static void files_are_copied_and_renamed(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local fs, a, b, c = slipway.fs, FOLDER .. '/a', FOLDER .. '/b', FOLDER .. '/c'\n"
			"fs.write(a, ('x'):rep(200000), { mode = '0750' }) fs.write(b, 'old', { mode = '0600' })\n"
			"fs.copy(a, b) assert(fs.read(b) == fs.read(a) and fs.stat(b).mode == '0750')\n"
			"assert(fs.sha256(b) == slipway.sha256(('x'):rep(200000)))\n"
			"fs.symlink('a', c) fs.rename(c, b) assert(fs.readlink(b) == 'a' and not fs.exists(c))\n"
			"fs.copy(b, c) assert(fs.stat(c, { follow = false }).type == 'file')");
	must_succeed(f, "assert(slipway.sha256('abc') == "
			"'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')");
	must_fail(f, "slipway.fs.copy(FOLDER, FOLDER .. '/x')", "it is not a file");
	must_fail(f, "slipway.fs.copy('/nonexistent', FOLDER .. '/x')", "reading '/nonexistent': No such file");
	must_fail(f, "slipway.fs.copy(FOLDER .. '/a', FOLDER)", "there is something that is not a file");
	must_fail(f, "slipway.fs.copy(FOLDER .. '/a', FOLDER .. '/no/x')", "its folder: No such file or directory");
	must_fail(f, "slipway.fs.rename('/nonexistent', '/nonexistent2')",
		  "renaming '/nonexistent' to '/nonexistent2': No such file or directory");
	must_fail(f, "slipway.fs.sha256(FOLDER)", "it is not a file");
}

static void links_are_swapped(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local fs, l = slipway.fs, FOLDER .. '/current'\n"
			"fs.mkdir(FOLDER .. '/1') fs.mkdir(FOLDER .. '/2')\n"
			"fs.symlink('1', l) assert(fs.readlink(l) == '1')\n"
			"fs.symlink('2', l) assert(fs.readlink(l) == '2')\n"
			"assert(#fs.list(FOLDER) == 4 and #fs.list(FOLDER .. '/1') == 0)");
	must_fail(f, "slipway.fs.symlink('x', FOLDER .. '/1')", "there is a folder, which a link does not replace");
	must_fail(f, "slipway.fs.symlink('x', FOLDER .. '/s.lua')", "there is a file, which a link does not replace");
	must_fail(f, "slipway.fs.symlink('x', FOLDER .. '/no/l')", "its folder: No such file or directory");
	must_fail(f, "slipway.fs.symlink('x', FOLDER .. '/')", "it names no file");
	must_fail(f, "slipway.fs.readlink(FOLDER)", "it is not a link");
	must_fail(f, "slipway.fs.readlink('/nonexistent')", "reading '/nonexistent': No such file");
}

static void modes_and_owners_are_changed(void **state)
{
	struct fixture *f = *state;

	must_succeed(f,
		     "local fs, a = slipway.fs, FOLDER .. '/a'\n"
		     "fs.write(a, '') fs.chmod(a, '4711') assert(fs.stat(a).mode == '4711')\n"
		     "fs.write(a, '', { mode = '0666' }) assert(fs.stat(a).mode == '0666')\n"
		     "local s = fs.stat(a) fs.chown(a, s.uid, s.group) fs.chown(a, nil, s.gid) fs.chown(a, s.owner)");
	must_fail(f, "slipway.fs.symlink('a', FOLDER .. '/l') slipway.fs.chmod(FOLDER .. '/l', '0600')",
		  "it is a link");
	must_fail(f, "slipway.fs.chmod('/nonexistent', '0600')", "of '/nonexistent': No such file or directory");
	must_fail(f, "slipway.fs.chown(FOLDER, 'no such user')", "there is no user 'no such user'");
	must_fail(f, "slipway.fs.chown(FOLDER, nil, 'no such group')", "there is no group 'no such group'");
	must_fail(f, "slipway.fs.chown(FOLDER, '4294967295')", "there is no user '4294967295'");
	must_fail(f, "slipway.fs.chown('/nonexistent', 0)", "of '/nonexistent': No such file or directory");
	if (geteuid() != 0)
		return;
	must_succeed(f, "local fs, a = slipway.fs, FOLDER .. '/a'\n"
			"fs.chown(a, 1234, '4321') fs.chmod(a, '6755') fs.write(a, 'x')\n"
			"local s = fs.stat(a) assert(s.uid == 1234 and s.gid == 4321 and s.mode == '6755', s.mode)\n"
			"assert(s.owner == nil and s.group == nil)");
}

static void templates_are_filled_in(void **state)
{
	static const struct {
		const char *why, *text, *want;
	} good[] = {
		{ "nothing to put in", "a } }} {b} {", "a } }} {b} {" },
		{ "a text and a number", "{{host}}:{{ port }}", "web:80" },
		{ "odd names", "{{a.b-c_1}}", "odd" },
		{ "braces themselves", "{{{{ x }} {{{{{{host}}", "{{ x }} {{web" },
		{ "a value with what looks like a name", "{{raw}}", "{{host}} %1" },
		{ "lines", "\\n{{host}}\\n", "\\nweb\\n" },
	}, bad[] = {
		{ "a name without a value", "a\\n{{hots}}", "s.lua:3: template line 2: there is no value for 'hots'" },
		{ "no name", "{{}}", "template line 1: a name and }} expected behind {{" },
		{ "two names", "{{a b}}", "template line 1: a name and }} expected behind {{" },
		{ "not closed", "\\n\\n{{host", "template line 3: a name and }} expected behind {{" },
		{ "closed on the next line", "{{host\\n}}", "template line 1: a name and }} expected behind {{" },
		{ "a value that is none", "{{list}}", "line 1: 'list': text or number expected, got table" },
		{ "a boolean", "{{yes}}", "line 1: 'yes': text or number expected, got boolean" },
	};
	static const char vars[] = "local vars = { host = 'web', port = 80, ['a.b-c_1'] = 'odd', raw = '{{host}} %1',"
				   " list = {}, yes = true }\n";
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_FREE char *text = xasprintf("%slocal t = slipway.fs.template{ text = '%s', vars = vars }\n"
						 "assert(t == '%s', t)",
						 vars, good[i].text, good[i].want);

		print_message("  %s\n", good[i].why);
		must_succeed(f, text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_FREE char *text = xasprintf(
			"%sslipway.fs.template{ text = '%s', vars = vars, to = FOLDER .. '/out' }", vars, bad[i].text);

		print_message("  %s\n", bad[i].why);
		must_fail(f, text, bad[i].want);
	}
	must_succeed(f, "assert(not slipway.fs.exists(FOLDER .. '/out'))");
}

static void a_template_is_written_when_it_changes_something(void **state)
{
	struct fixture *f = *state;

	must_succeed(f,
		     "local fs, o = slipway.fs, { from = FOLDER .. '/in', to = FOLDER .. '/out', vars = { a = 1 } }\n"
		     "fs.write(o.from, 'a = {{a}}\\n')\n"
		     "local function twice() local _, x = fs.template(o) local _, y = fs.template(o)\n"
		     "assert(x == true and y == false) end\n"
		     "twice() assert(fs.read(o.to) == 'a = 1\\n' and fs.stat(o.to).mode == '0644')\n"
		     "o.vars.a = 2 twice() o.mode = '0600' twice() assert(fs.stat(o.to).mode == '0600')");
	must_fail(f, "slipway.fs.template{ from = FOLDER .. '/none', vars = {} }", "/none': No such file");
	must_fail(f, "slipway.fs.template{ text = '', vars = {}, to = FOLDER }", "that is not a file");
	must_fail(f,
		  "slipway.fs.write(FOLDER .. '/in', '\\n{{x}}')\n"
		  "slipway.fs.template{ from = FOLDER .. '/in', vars = {} }",
		  "/in' line 2: there is no value for 'x'");
}

/* The fault is at the call of number AT. */
struct fault {
	int at, count;
};

static int fail_at(void *context, const struct fs_call *call)
{
	struct fault *f = context;

	(void)call;
	return ++f->count == f->at ? ENOSPC : 0;
}

static void note_nothing(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void a_full_disk_leaves_everything_as_it_was(void **state)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "write", "slipway.fs.write(FOLDER .. '/old', 'new')" },
		{ "write something new", "slipway.fs.write(FOLDER .. '/other', 'new')" },
		{ "copy", "slipway.fs.copy(FOLDER .. '/from', FOLDER .. '/old')" },
		{ "symlink", "slipway.fs.symlink('from', FOLDER .. '/link')" },
		{ "template", "slipway.fs.template{ text = '{{a}}', vars = { a = 1 }, to = FOLDER .. '/old' }" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fault fault = { 0 };
		const struct fs_observer observer = { fail_at, note_nothing, &fault };
		int steps = 0;

		print_message("  %s\n", cases[i].why);
		do {
			must_succeed(f, "slipway.fs.remove(FOLDER, { recursive = true }) slipway.fs.mkdir(FOLDER)\n"
					"slipway.fs.write(FOLDER .. '/old', 'old') slipway.fs.symlink('old', FOLDER .. "
					"'/link')\nslipway.fs.write(FOLDER .. '/from', 'from')");
			fault = (struct fault){ .at = ++steps };
			fs_observe(&observer);
			run(f, cases[i].text);
			fs_observe(NULL);
			if (f->outcome.ok)
				break;
			if (strstr(f->outcome.message, "flushing the folder"))
				continue; /* it is done; whether for ever is not known */
			assert_non_null(strstr(f->outcome.message, "No space left on device"));
			must_succeed(f, "assert(slipway.fs.read(FOLDER .. '/old') == 'old')\n"
					"assert(slipway.fs.readlink(FOLDER .. '/link') == 'old')\n"
					"assert(table.concat(slipway.fs.list(FOLDER), ' ') == 'from link old s.lua')");
		} while (steps < 100);
		assert_in_range(steps, 3, 20);
	}
}

static void errors_have_a_kind(void **state)
{
	struct fixture *f = *state;
	struct fault fault = { .at = 1 };
	const struct fs_observer observer = { fail_at, note_nothing, &fault };

	fs_observe(&observer);
	must_succeed(f, "local ok, e = pcall(slipway.fs.mkdir, FOLDER .. '/d')\n"
			"assert(not ok and e.kind == 'no_space' and e.errno == 'ENOSPC')");
	fs_observe(NULL);
	must_succeed(
		f, "local ok, e = pcall(slipway.fs.list, '/nonexistent')\n"
		   "assert(not ok and e.kind == 'system' and e.errno == 'ENOENT')\n"
		   "ok, e = pcall(slipway.fs.readlink, FOLDER) assert(not ok and e.kind == 'failed' and not e.errno)");
}

static void wrong_arguments_are_named(void **state)
{
	static const struct {
		const char *name, *argument;
	} functions[] = {
		{ "chmod", "path" },   { "chown", "path" },    { "copy", "from" },   { "exists", "path" },
		{ "glob", "pattern" }, { "list", "path" },     { "lock", "path" },   { "mkdir", "path" },
		{ "read", "path" },    { "readlink", "path" }, { "remove", "path" }, { "rename", "from" },
		{ "sha256", "path" },  { "stat", "path" },     { "write", "path" },
	};
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "stat('/', 1)", "s.lua:2: slipway.fs.stat: options: table expected, got number" },
		{ "stat('/', { follow = 1 })", "s.lua:2: slipway.fs.stat: follow: boolean expected, got number" },
		{ "stat('/\\0x')", "s.lua:2: slipway.fs.stat: path: string without a NUL byte expected, got one" },
		{ "mkdir('/', { mod = 1 })", "s.lua:2: slipway.fs.mkdir: there is no option 'mod'" },
		{ "mkdir('/', { mode = 755 })", "s.lua:2: slipway.fs.mkdir: mode: string expected, got number" },
		{ "remove('/x', { recursive = 'yes' })",
		  "s.lua:2: slipway.fs.remove: recursive: boolean expected, got string" },
		{ "chmod('/x')", "s.lua:2: slipway.fs.chmod: mode: string expected, got no value" },
		{ "chmod('/x', 'u+x')", "s.lua:2: slipway.fs.chmod: mode: octal digits in a string "
					"(\"0640\") expected, got 'u+x'" },
		{ "chmod('/x', '17777')", "s.lua:2: slipway.fs.chmod: mode: octal digits" },
		{ "chown('/x')", "s.lua:2: slipway.fs.chown: owner, group: one of them or both expected, got neither" },
		{ "chown('/x', {})", "s.lua:2: slipway.fs.chown: owner: string expected, got table" },
		{ "copy('/x')", "s.lua:2: slipway.fs.copy: to: string expected, got no value" },
		{ "copy('/x', 'y')", "s.lua:2: slipway.fs.copy: to: absolute path expected, got 'y'" },
		{ "rename('/x', 'y')", "s.lua:2: slipway.fs.rename: to: absolute path expected, got 'y'" },
		{ "symlink()", "s.lua:2: slipway.fs.symlink: target: string expected, got no value" },
		{ "symlink('a\\0b', '/x')",
		  "s.lua:2: slipway.fs.symlink: target: string without a NUL byte expected, got one" },
		{ "symlink('a', 'b')", "s.lua:2: slipway.fs.symlink: path: absolute path expected, got 'b'" },
		{ "read('/x', { max = -1 })", "s.lua:2: slipway.fs.read: max: 0 to 67108864 bytes expected, got -1" },
		{ "template()", "s.lua:2: slipway.fs.template: options: table expected, got nil" },
		{ "template{}", "s.lua:2: slipway.fs.template: vars: table expected, got nil" },
		{ "template{ vars = {} }",
		  "s.lua:2: slipway.fs.template: from, text: one of them expected, got neither" },
		{ "template{ vars = {}, text = '', from = '/x' }",
		  "s.lua:2: slipway.fs.template: from, text: one of them expected, got both" },
		{ "template{ text = '' }", "s.lua:2: slipway.fs.template: vars: table expected, got nil" },
		{ "template{ text = 1 }", "s.lua:2: slipway.fs.template: text: string expected, got number" },
		{ "template{ txt = '' }",
		  "s.lua:2: slipway.fs.template: there is no option 'txt', only from, mode, text, to, vars" },
		{ "template{ text = '', vars = {}, mode = '0600' }",
		  "s.lua:2: slipway.fs.template: to: a file for the mode expected" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		const char *name = functions[i].name, *argument = functions[i].argument;
		AUTO_FREE char *none = xasprintf("slipway.fs.%s()", name);
		AUTO_FREE char *relative = xasprintf("slipway.fs.%s('a', 'b')", name);
		AUTO_FREE char *said = xasprintf("s.lua:2: slipway.fs.%s: %s: string expected, got no value", name,
						 argument);
		AUTO_FREE char *path = xasprintf("s.lua:2: slipway.fs.%s: %s: absolute path expected, got 'a' "
						 "(the bundle is at slipway.archive_dir)",
						 name, argument);

		must_fail(f, none, said);
		must_fail(f, relative, path);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf("slipway.fs.%s", cases[i].text);

		must_fail(f, text, cases[i].message);
	}
	must_fail(f, "slipway.sha256()", "s.lua:2: slipway.sha256: text: string expected, got no value");
}

static void a_lock_is_held_by_one_at_a_time(void **state)
{
	struct fixture *f = *state;

	must_succeed(
		f,
		"local path = FOLDER .. '/lock'\n"
		"local other = { 'flock', '--nonblock', '--conflict-exit-code', '9', path, 'true' }\n"
		"local lock = slipway.fs.lock(path)\n"
		"assert(slipway.run(other) == 9)\n"
		"local ok, e = pcall(slipway.fs.lock, path, { timeout = 0 })\n"
		"assert(not ok and e.kind == 'timeout', tostring(e))\n"
		"lock:release() lock:release()\n"
		"assert(slipway.run(other) == 0)\n"
		"do local again <close> = slipway.fs.lock(path, { timeout = 0 }) assert(slipway.run(other) == 9) end\n"
		"assert(slipway.run(other) == 0)\n"
		"assert(slipway.fs.stat(path).size == 0)\n"
		"slipway.fs.lock(path)"); /* goes with the script */
	must_succeed(f, "slipway.fs.lock(FOLDER .. '/lock', { timeout = 0 })");
	must_fail(f, "local a, b = FOLDER .. '/lock', nil b = slipway.fs.lock(a) slipway.fs.lock(a, { timeout = 0.1 })",
		  "/lock' is held by another process, still after 0.1 s");
	must_fail(f, "slipway.fs.lock(FOLDER .. '/none/lock')", "opening the lock '");
	must_fail(f, "slipway.fs.symlink(FOLDER .. '/x', FOLDER .. '/l') slipway.fs.lock(FOLDER .. '/l')",
		  "Too many levels of symbolic links");
	must_fail(f, "slipway.fs.lock(FOLDER, { wait = 3 })", "slipway.fs.lock: there is no option 'wait'");
	must_fail(f, "slipway.fs.lock(FOLDER, { timeout = 'long' })",
		  "slipway.fs.lock: timeout: number expected, got string");
	must_fail(f, "slipway.fs.lock(FOLDER, { timeout = -1 })", "slipway.fs.lock: timeout");
	must_fail(f, "slipway.fs.lock(FOLDER .. '/m').release(1)",
		  "slipway.Lock:release: self: slipway.fs lock expected, got number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stat_tells_what_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_come_sorted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folders_are_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_removed_is_never_behind_a_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_are_copied_and_renamed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_are_swapped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(modes_and_owners_are_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(templates_are_filled_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_template_is_written_when_it_changes_something, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_leaves_everything_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_have_a_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lock_is_held_by_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_arguments_are_named, set_up, tear_down),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as in a hook */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
