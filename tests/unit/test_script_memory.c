/* Memory that is refused at any one of its requests, and from there on: nothing leaks, nothing crashes, and the script
 * ends in an error or as if nothing had been. The leaks are found by the address sanitizer (make asan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/http.h"
#include "script_help.h"

#include <dirent.h>
#include <libgen.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* In place of net/http.c, whose module is not here: a server that is always well. */
int http_exchange(const struct http_request *request, struct http_response *out, struct err *err)
{
	static const char body[] = "{\"up\":true}";

	out->body = STR_INIT(HTTP_MAX_BODY);
	out->headers = STR_INIT(HTTP_MAX_HEADERS);
	if (!strcmp(request->url, "no"))
		return err_set(err, ERR_UNREACHABLE, "GET no: nobody is there");
	out->status = 200;
	(void)str_add(&out->headers, "x-a: b\nx-a: c\n"); /* fits, as the body */
	if (request->sink)
		return request->sink(request->sink_context, 200, body, strlen(body), err) < 0 ? -1 : 0;
	return str_add(&out->body, body);
}

char *http_request_name(const struct http_request *request)
{
	return xasprintf("%s %s", request->method, request->name);
}

void http_response_done(struct http_response *r)
{
	str_done(&r->headers);
	str_done(&r->body);
}

/* Lua collects garbage and asks again when it is refused: so two requests make one refusal. */
struct refusal {
	size_t from, count;
	bool for_good;
};

static bool refuse(void *context)
{
	struct refusal *r = context;
	size_t n = ++r->count;

	return n >= r->from && (r->for_good || n < r->from + 2);
}

/* A sample of what each library can raise and give. */
static const struct {
	const char *why, *text;
} scripts[] = {
	{ "errors", "local ok, e = pcall(slipway.raise, 'odd', 'text') assert(not ok)\n"
		    "local text = tostring(e) .. e\n"
		    "pcall(slipway.fail, 'text', 'action') pcall(error, setmetatable({}, {}))\n"
		    "pcall(slipway.sleep, 'x') pcall(slipway.run, { nothing = 1 })" },
	{ "coroutines and require", "local c = coroutine.wrap(function(x) coroutine.yield(x) error('no') end)\n"
				    "c(1) pcall(c) pcall(require, 'nothing') local r = require 'slipway.retry'" },
	{ "json", "local j = slipway.json\n"
		  "local t = j.decode('{\"a\":[1,2.5,\"x\",null,true,{}],\"b\":[]}')\n"
		  "assert(j.encode(t) == '{\"a\":[1,2.5,\"x\",null,true,{}],\"b\":[]}')\n"
		  "pcall(j.decode, '[1,') pcall(j.encode, { 1, a = 2 }) pcall(j.encode, { { '\\xff' } })" },
	{ "yaml", "local y = slipway.yaml\n"
		  "local t = y.decode('a: &x [1, 2.5, x, ~, yes, {}]\\nb: *x\\n')\n"
		  "assert(y.decode(y.encode(t)).b[3] == 'x')\n"
		  "pcall(y.decode, 'a: b: c') pcall(y.decode, '? [a]\\n: b') pcall(y.encode, { { '\\xff' } })\n"
		  "pcall(y.encode, { a = { print } })" },
	{ "files", "local fs, d = slipway.fs, FOLDER .. '/d'\n"
		   "fs.mkdir(d, { parents = true }) fs.write(d .. '/a', ('x'):rep(1000), { mode = '0600' })\n"
		   "fs.copy(d .. '/a', d .. '/b') assert(#fs.read(d .. '/b') == 1000) fs.symlink('a', d .. '/l')\n"
		   "assert(fs.readlink(d .. '/l') == 'a' and fs.stat(d .. '/a').mode == '0600')\n"
		   "assert(#fs.list(d) == 3 and #fs.glob(d .. '/?') == 3 and #fs.sha256(d .. '/a') == 64)\n"
		   "pcall(fs.read, d) pcall(fs.read, d .. '/a', { max = 10 }) pcall(fs.list, '/none')\n"
		   "pcall(fs.readlink, d) fs.remove(d, { recursive = true })" },
	{ "templates", "local fs, to = slipway.fs, FOLDER .. '/out'\n"
		       "local t = fs.template{ text = 'a {{x}}\\n{{{{', vars = { x = 1 }, to = to }\n"
		       "pcall(fs.template, { text = '{{y}}', vars = {} }) fs.remove(to)" },
	{ "programs", "local c, o = slipway.run{ 'echo', 1, 'x', env = { A = 'b' }, input = 'x' }\n"
		      "assert(c == 0 and o == '1 x\\n') pcall(slipway.run, { '/none' })\n"
		      "pcall(slipway.run, { shell = 'echo x >&2; exit 1', check = true })" },
	{ "sockets", "pcall(slipway.socket.connect, { path = '/none' })\n"
		     "pcall(slipway.socket.connect, { host = '127.0.0.1', port = 1 })\n"
		     "pcall(slipway.socket.wait, { path = '/none', timeout = 0 })\n"
		     "local s <close> = slipway.socket.connect{ path = FOLDER .. '/socket' }\n"
		     "assert(s:line() == 'one' and s:read(3) == 'two' and s:all() == '\\nthree' and not s:line())\n"
		     "pcall(s.read, s, 0) s:close() pcall(s.line, s)" },
	{ "lines", "slipway.socket.wait{ path = FOLDER .. '/haproxy' }\n"
		   "local s <close> = slipway.socket.connect{ path = FOLDER .. '/haproxy' }\n"
		   "assert(s:send('show map x\\n'):line() == '0x5608 shop blue')\n"
		   "pcall(s.send, s, {}) pcall(s.send, 'x') pcall(slipway.socket.connect, {})\n"
		   "pcall(slipway.socket.wait, { host = 'x' })\n"
		   "pcall(slipway.socket.wait, { host = '127.0.0.1', port = 1, timeout = 0 })" },
	{ "secrets", "local s = slipway.secret('one line\\nand two') print(s)\n"
		     "pcall(slipway.fail, s .. '!', s) pcall(slipway.secret, 'x') pcall(slipway.doing, s)" },
	{ "HTTP", "local a = slipway.http.get('http://x/', { headers = { A = 'b' }, expect = { 200, 204 } })\n"
		  "assert(a.json().up and a.headers['x-a'] == 'b, c' and a.excerpt() == '{\"up\":true}')\n"
		  "local form = { b = 'x y', a = 1 }\n"
		  "slipway.http.post('http://x/', { form = form, user = 'me', password = 'hunter22' })\n"
		  "slipway.http.put('http://x/', { json = { 1, { a = form } }, to = FOLDER .. '/answer' })\n"
		  "assert(slipway.fs.read(FOLDER .. '/answer') == '{\"up\":true}')\n"
		  "pcall(slipway.http.get, 'http://x/', { expect = 404 }) pcall(slipway.http.get, 'no') pcall(a.json)\n"
		  "pcall(slipway.http.get, 'no', { to = FOLDER .. '/answer' })" },
	{ "more HTTP",
	  "local http = slipway.http\n"
	  "assert(http.head('http://x/').status == 200 and http.delete('http://x/').status == 200)\n"
	  "assert(http.request{ url = 'http://x/', method = 'PATCH', body = 'x' }.json().up)\n"
	  "assert(http.wait('http://x/', { json = function(v) return v.up end, expect = { 200 } }).status == 200)\n"
	  "pcall(http.get, 'http://x/', { headers = { a = 1 } }) pcall(http.get, {})\n"
	  "pcall(http.head, 'x', { to = '/x' })\n"
	  "pcall(http.post, 'x', { json = { print } }) pcall(http.post, 'x', { form = { a = {} } })\n"
	  "pcall(http.request, { url = 'x', method = 'x' }) pcall(http.get, 'http://x/', { to = FOLDER })\n"
	  "pcall(http.wait, 'no', { timeout = 0, headers = { a = 'b' } }) pcall(http.wait, 'x', { expect = 2 })" },
	{ "telling", "slipway.log = function() end\n"
		     "assert(slipway.notify{ url = 'http://x/', text = 'x' })\n"
		     "pcall(slipway.http.wait, 'http://x/', { timeout = 0, json = function() return false end })\n"
		     "slipway.notify{ url = 'no', text = 'x', delay = 0, optional = true }\n"
		     "pcall(slipway.notify, { url = 'x', payload = { print } }) pcall(slipway.notify, { url = 'x' })" },
	{ "services",
	  "local s = slipway.systemd\n"
	  "s.start('ok') assert(s.status('ok').main_pid == 4711)\n"
	  "local ok, e = pcall(s.restart, 'failing') assert(e.kind == 'failed')\n"
	  "pcall(s.enable, 'static') pcall(s.start, 'a b') pcall(s.start, 'ok', { no = 1 }) s.wait_active('ok')" },
	{ "more services",
	  "local s = slipway.systemd\n"
	  "s.reload('ok') s.enable('ok') assert(s.is_enabled('ok')) s.disable('ok') s.daemon_reload() s.stop('ok')\n"
	  "pcall(s.reset_failed, 'missing') pcall(s.try_restart, 'canceled') pcall(s.wait_active, 'missing')\n"
	  "pcall(s.wait_active, 'ok', { settle = 60 }) pcall(s.start)" },
	{ "locks", "local a <close> = slipway.fs.lock(FOLDER .. '/lock')\n"
		   "pcall(slipway.fs.lock, FOLDER .. '/lock', { timeout = 0 }) a:release()\n"
		   "pcall(slipway.fs.lock, FOLDER) slipway.fs.lock(FOLDER .. '/lock')" },
	{ "HAProxy", "local h = slipway.haproxy.open{ socket = FOLDER .. '/haproxy' }\n"
		     "assert(h:servers('shop')[1].weight == 7 and h:sessions('shop/a') == 0)\n"
		     "h:drain('shop/a') h:ready('shop/a') h:weight('shop/a', 3) h:maint('shop/a')\n"
		     "pcall(h.state, h, 'shop/b') pcall(h.drain, h, 'x/y') pcall(h.drain, 'x')\n"
		     "pcall(h.weight, h, 'shop/a', '1')" },
	{ "maps of HAProxy",
	  "local h, m = slipway.haproxy.open{ socket = FOLDER .. '/haproxy' }, FOLDER .. '/m'\n"
	  "slipway.fs.write(m, 'shop blue\\n') assert(h:map_get(m, 'shop') == 'blue')\n"
	  "h:map_set(m, 'shop', 'green', { file = true, backend = true })\n"
	  "assert(slipway.fs.read(m) == 'shop green\\n') pcall(h.map_set, h, m, 'other', 'x', { file = true })\n"
	  "pcall(h.map_set, h, 'm', 'shop', 'green', { file = true }) pcall(h.map_set, h, m, 'a b')" },
	{ "an HAProxy that is none", "local h = slipway.haproxy.open{ socket = FOLDER .. '/socket' }\n"
				     "pcall(h.command, h, 'show info') pcall(h.servers, h, 'a')\n"
				     "pcall(h.weight, h, 'a/b', 1) pcall(h.map_get, h, 'a', 'b')\n"
				     "pcall(slipway.haproxy.open, {})" },
	{ "nginx", "pcall(slipway.nginx.test, { program = '/none' }) pcall(slipway.nginx.include, { path = 'x' })\n"
		   "slipway.nginx.test{ program = '/bin/true' }\n"
		   "pcall(slipway.nginx.include, { program = '/none', path = FOLDER .. '/i', content = 'x' })\n"
		   "pcall(slipway.nginx.reload, { program = '/bin/true', pid_file = '/none' })" },
	{ "waiting", "slipway.retry{ delay = 0, fn = function() return 1 end }\n"
		     "pcall(slipway.wait_for, { timeout = 0, fn = function() return false, 'why' end })" },
};

/* Somebody who listens at a Unix socket until listener_stop(). */
struct listener {
	int fd;
	pthread_t thread;
	void (*answer)(int client);
};

static void say_three_lines(int client)
{
	static const char text[] = "one\r\ntwo\nthree";

	(void)send(client, text, strlen(text), MSG_NOSIGNAL); /* it may be gone again, here and below */
}

/* The runtime API of an HAProxy with one backend, whose server is up and which lets nobody add to its map. */
static void say_what_haproxy_says(int client)
{
	static const struct {
		const char *command, *answer;
	} answers[] = {
		{ "show servers state shop",
		  "1\n# be_name srv_name srv_op_state srv_admin_state srv_uweight\nshop a 2 0 7\n\n" },
		{ "show servers state green", "1\n# be_name srv_name srv_op_state srv_admin_state srv_uweight\n\n" },
		{ "show stat", "# pxname,svname,qcur,scur\nshop,a,0,0\n\n" },
		{ "show map", "0x5608 shop blue\n\n" },
		{ "set server shop/a", "\n" },
		{ "set map", "\n" },
		{ "", "No such thing.\n\n" },
	};
	char command[200] = "";
	size_t i = 0;

	if (recv(client, command, sizeof(command) - 1, 0) <= 0)
		return;
	while (!str_starts(command, answers[i].command))
		i++;
	(void)send(client, answers[i].answer, strlen(answers[i].answer), MSG_NOSIGNAL);
}

static void *serve(void *context)
{
	const struct listener *l = context;
	int client;

	while ((client = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		l->answer(client);
		(void)close(client);
	}
	return NULL;
}

static int listen_at(const char *folder, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_in_range(snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name), 1,
			sizeof(address.sun_path) - 1);
	assert_int_equal(0, bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	assert_int_equal(0, listen(fd, 5));
	return fd;
}

static void listener_start(struct listener *l, const char *folder, const char *name)
{
	l->fd = listen_at(folder, name);
	assert_int_equal(0, pthread_create(&l->thread, NULL, serve, l));
}

static void listener_stop(struct listener *l)
{
	assert_int_equal(0, shutdown(l->fd, SHUT_RDWR));
	assert_int_equal(0, pthread_join(l->thread, NULL));
	assert_int_equal(0, close(l->fd));
}

/* What the tests ask instead of systemd; it ends when *INPUT is closed. */
static pid_t start_service_manager(const char *folder, int *input)
{
	AUTO_FREE char *exe = realpath("/proc/self/exe", NULL);
	AUTO_FREE char *program = xasprintf("%s/../service_manager", dirname(exe));
	AUTO_FREE char *address = xasprintf("unix:path=%s/bus", folder);
	int in[2], out[2];
	char ready[6];

	assert_int_equal(0, pipe2(in, O_CLOEXEC));
	assert_int_equal(0, pipe2(out, O_CLOEXEC));

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl(program, program, folder, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(sizeof(ready), read(out[0], ready, sizeof(ready)));
	(void)close(out[0]);
	assert_int_equal(0, setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1));
	*input = in[1];
	return pid;
}

static size_t open_descriptors(void)
{
	AUTO_DIR DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	return n;
}

static void run_refused(struct fixture *f, struct refusal *r)
{
	AUTO_FREE char *path = xasprintf("%s/s.lua", f->folder);
	size_t from = r->from;
	struct script *s = NULL;
	struct err err = ERR_INIT;

	r->from = SIZE_MAX;
	f->options.refuse = refuse;
	f->options.refuse_context = r;
	assert_int_equal(0, script_new(&f->options, &s, &err));
	r->count = 0;
	r->from = from;
	script_outcome_done(&f->outcome);
	script_run_file(s, path, "s.lua", &f->outcome);
	script_free(s);
}

static void wherever_memory_ends_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	size_t open_before = open_descriptors();
	struct listener lines = { .answer = say_three_lines }, haproxy = { .answer = say_what_haproxy_says };
	int manager_input, status;
	pid_t manager = start_service_manager(f->folder, &manager_input);

	listener_start(&lines, f->folder, "socket");
	listener_start(&haproxy, f->folder, "haproxy");
	for (size_t i = 0; i < ARRAY_LEN(scripts) * 2; i++) {
		AUTO_FREE char *text = xasprintf("local FOLDER = '%s'\n%s\n", f->folder, scripts[i / 2].text);
		struct refusal r = { .for_good = i % 2 };
		size_t failed = 0;

		file_put(f->folder, "s.lua", text, 0644);
		do {
			r.from++;
			run_refused(f, &r);
			failed += !f->outcome.ok;
			if (!f->outcome.ok)
				assert_true(f->outcome.message[0]);
		} while (r.count >= r.from);
		print_message("  %s: %zu requests%s\n", scripts[i / 2].why, r.count, r.for_good ? ", for good" : "");
		if (!f->outcome.ok)
			fail_msg("%s", f->outcome.message);
		assert_in_range(failed, 10, r.from);
	}
	listener_stop(&lines);
	listener_stop(&haproxy);
	assert_int_equal(0, close(manager_input));
	assert_int_equal(manager, waitpid(manager, &status, 0));
	assert_int_equal(0, status);
	assert_int_equal(open_before, open_descriptors());
}

static void a_state_that_gets_no_memory_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct refusal r = { 0 };
	struct script *s = NULL;

	f->options.refuse = refuse;
	f->options.refuse_context = &r;
	do {
		struct err err = ERR_INIT;

		r.from++;
		r.count = 0;
		if (script_new(&f->options, &s, &err) == 0)
			script_free(s);
		else
			assert_non_null(strstr(err.msg, "setting up Lua: "));
	} while (r.count >= r.from);
	assert_in_range(r.count, 100, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(wherever_memory_ends_nothing_is_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_state_that_gets_no_memory_is_an_error, set_up, tear_down),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as in a hook */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
