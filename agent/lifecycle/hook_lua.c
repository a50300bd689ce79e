/* lifecycle/hook_lua.c - the Lua script of a hook, from its file to an exit status. */
#include "lifecycle/hook_lua.h"

#include "lifecycle/hook_report.h"
#include "lifecycle/hook_watchdog.h"
#include "script/script.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

char *hook_lua_bundle(const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);

	if (!real)
		return xstrdup("/");

	char *own = xstrdup(dirname(real)), *at = xstrdup(own);

	for (;;) {
		AUTO_FREE char *yml = xasprintf("%s/appspec.yml", at), *yaml = xasprintf("%s/appspec.yaml", at);

		if (access(yml, F_OK) == 0 || access(yaml, F_OK) == 0) {
			free(own);
			return at;
		}
		if (!strcmp(at, "/") || !strcmp(at, ".")) {
			free(at);
			return own;
		}
		(void)dirname(at); /* shortens it in place */
	}
}

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int l_no_restore(lua_State *L) /* no_restore(reason) */
{
	size_t len;
	const char *reason = luaL_checklstring(L, 1, &len), *path = from_environment("SLIPWAY_NO_RESTORE");

	if (!path)
		return script_raise_kind(L, "failed",
					 "slipway.no_restore: this agent did not say where to write it "
					 "(SLIPWAY_NO_RESTORE is not set)");

	/* nothing raises while the file is open */
	int fd = fs_open_create(AT_FDCWD, path, O_WRONLY | O_APPEND, 0644);
	int failed = fd < 0 || fs_write(fd, reason, len) < 0 || fs_write(fd, "\n", 1) < 0;
	struct err err = ERR_INIT;

	if (failed)
		err_sys(&err, "slipway.no_restore: writing '%s'", path);
	if (fd >= 0)
		(void)close(fd); /* what it can say was said by the writes */
	return failed ? script_raise(L, &err) : 0;
}

static void set_field(lua_State *L, const char *name, const char *value)
{
	lua_pushstring(L, value);
	lua_setfield(L, -2, name);
}

/* The fields and functions of `slipway` that speak of the deployment. */
static void open_hook(lua_State *L, const void *context)
{
	static const luaL_Reg functions[] = { { "no_restore", l_no_restore }, { NULL, NULL } };
	static const struct {
		const char *field, *variable;
	} known[] = {
		{ "event", "LIFECYCLE_EVENT" },
		{ "deployment", "DEPLOYMENT_ID" },
		{ "application", "APPLICATION_NAME" },
		{ "group", "DEPLOYMENT_GROUP_NAME" },
		{ "instance", "SLIPWAY_INSTANCE" },
		{ "region", "SLIPWAY_REGION" },
		{ "previous", "SLIPWAY_PREVIOUS_ARCHIVE_DIR" },
	};
	const char *restore = from_environment("SLIPWAY_RESTORE");

	luaL_setfuncs(L, functions, 0);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		set_field(L, known[i].field, from_environment(known[i].variable));
	set_field(L, "archive_dir", context);
	lua_pushboolean(L, restore && !strcmp(restore, "1"));
	lua_setfield(L, -2, "restore");
	lua_newtable(L);
	for (char **e = environ; *e; e++) {
		size_t name = strcspn(*e, "=");

		if (!(*e)[name])
			continue;
		lua_pushlstring(L, *e, name);
		lua_pushstring(L, *e + name + 1);
		lua_rawset(L, -3);
	}
	lua_setfield(L, -2, "env");
}

/* To standard error, as scripts.log keeps it. */
static void say(const struct script_outcome *o)
{
	(void)fprintf(stderr, "%s\n", o->message);
	if (o->action[0])
		(void)fprintf(stderr, "%s\n", o->action);
	if (o->trace.len)
		(void)fprintf(stderr, "%s\n", str_text(&o->trace));
	(void)fflush(stderr);
}

/* A script of the host has its modules beside it, not in a bundle (operator_hooks.h). */
static const char *modules_of(const char *archive)
{
	const char *hooks = from_environment("SLIPWAY_HOOKS_DIR");

	return hooks ? hooks : archive;
}

static void tell(const struct script_outcome *o, const struct hook_reporter *reporter)
{
	if (o->ok)
		return;
	say(o);
	hook_reporter_failed(reporter, o->message, o->action);
}

/* How it ended is told before the state is freed: with much in it that takes a while, which the watchdog may cut short.
 */
static void run(const char *path, const char *name, const char *archive, struct hook_reporter *reporter,
		struct script_outcome *out)
{
	AUTO_FD int bundle = open(modules_of(archive), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int library = open(SLIPWAY_LUADIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct script_options options = { .stop = hook_watchdog_start(reporter),
						.bundle_fd = bundle,
						.library_fd = library,
						.doing = reporter->asked ? hook_reporter_doing : NULL,
						.doing_context = reporter };
	struct script *s = NULL;
	struct err err = ERR_INIT;

	if (script_new(&options, &s, &err) == 0 && script_extend(s, open_hook, archive, &err) == 0) {
		hook_watchdog_watch(s);
		script_run_file(s, path, name, out);
	} else {
		(void)snprintf(out->message, sizeof(out->message), "%s", err.msg);
	}
	tell(out, reporter);
	hook_watchdog_watch(NULL);
	script_free(s);
	hook_watchdog_stop();
}

int hook_lua_main(char **argv, char **environment)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	AUTO(script_outcome_done) struct script_outcome outcome = { .exit_code = 1 };
	AUTO_FREE char *bundle = NULL;
	struct hook_reporter reporter;

	hook_reporter_init(&reporter);
	environ = environment;
	(void)sigaction(SIGPIPE, &ignore, NULL); /* a program that does not read its input; cannot fail */
	if (!modules_of(from_environment("SLIPWAY_ARCHIVE_DIR")))
		bundle = hook_lua_bundle(argv[0]);
	run(argv[0], argv[1] ? argv[1] : argv[0], bundle ? bundle : getenv("SLIPWAY_ARCHIVE_DIR"), &reporter, &outcome);
	return outcome.ok ? 0 : outcome.exit_code;
}
