/* lifecycle/hook_lua.c - the Lua script of a hook, from its file to an exit status. */
#include "lifecycle/hook_lua.h"

#include "appspec/ready_hook.h"
#include "lifecycle/hook_report.h"
#include "lifecycle/hook_watchdog.h"
#include "lifecycle/hook_with.h"
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
#include <sys/stat.h>

/* As /tmp: what lies there may be anybody's, an appspec and the modules beside it, but cannot take the place of the
 * folder below that the script is in. */
static bool is_shared(const char *folder)
{
	struct stat st;

	return stat(folder, &st) < 0 || (st.st_mode & S_IWOTH && st.st_mode & S_ISVTX);
}

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
		if (!strcmp(at, "/") || !strcmp(at, "."))
			break;
		(void)dirname(at); /* shortens it in place */
		if (is_shared(at))
			break;
	}
	free(at);
	return own;
}

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static const char *look_up(const char *name)
{
	return getenv(name);
}

static int l_no_restore(lua_State *L) /* no_restore(reason) */
{
	size_t len;
	const char *reason = script_argument_string(L, 1, "slipway.no_restore", "reason", &len);
	const char *path = from_environment("SLIPWAY_NO_RESTORE");

	if (script_stands_in(L, "slipway.no_restore", 1))
		return lua_gettop(L);
	if (!path)
		return script_raise_kind(L, "failed",
					 "slipway.no_restore: this agent did not say where to write it "
					 "(SLIPWAY_NO_RESTORE is not set)");

	char *hidden = lua_newuserdatauv(L, len + 1, 0);

	memcpy(hidden, reason, len);
	len = mask_hide(script_mask(script_of(L)), hidden, len);

	/* nothing raises while the file is open */
	int fd = fs_open_create(AT_FDCWD, path, O_WRONLY | O_APPEND, 0644);
	int failed = fd < 0 || fs_write(fd, hidden, len) < 0 || fs_write(fd, "\n", 1) < 0;
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

struct hook { /* as the words and variables of this process tell it; borrowed */
	const char *path, *name;
	const char *ready; /* a ready-made hook in place of the file; NULL: none */
	const char *archive;
};

struct about { /* for open_hook() */
	const char *archive, *with;
};

/* JSON of ours becomes slipway.with; without any it is an empty table. */
static void set_with(lua_State *L, const char *with)
{
	lua_getfield(L, -1, "json");
	lua_getfield(L, -1, "decode");
	lua_remove(L, -2);
	lua_pushstring(L, with ? with : "{}");
	lua_call(L, 1, 1);
	lua_setfield(L, -2, "with");
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
	const struct about *about = context;
	const char *restore = from_environment("SLIPWAY_RESTORE");

	luaL_setfuncs(L, functions, 0);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		set_field(L, known[i].field, from_environment(known[i].variable));
	set_field(L, "archive_dir", about->archive);
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
	set_with(L, about->with);
}

int hook_lua_extend(struct script *s, const char *name, const char *archive, struct err *err)
{
	AUTO_FREE char *with = NULL;
	const char *arguments = from_environment("SLIPWAY_WITH");
	struct about about = { archive, NULL };

	if (arguments && hook_with_fill(arguments, look_up, &with, err) < 0)
		return err_add(err, "%s", name);
	about.with = with;
	return script_extend(s, open_hook, &about, err);
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

/* An operator hook has its modules beside it, not in a bundle (operator_hooks.h). */
static const char *modules_of(const char *archive)
{
	const char *hooks = from_environment("SLIPWAY_HOOKS_DIR");

	return hooks ? hooks : archive;
}

static void run_script(struct script *s, const struct hook *h, struct script_outcome *out)
{
	size_t len = 0;
	const char *text = h->ready ? ready_hook_text(h->ready, &len) : NULL;

	if (h->ready && !text)
		*out = (struct script_outcome){ .exit_code = 1, .message = "there is no such ready-made hook" };
	else if (text)
		script_run_text(s, text, len, h->name, out);
	else
		script_run_file(s, h->path, h->name, out);
}

static int exit_status(const struct script_outcome *o)
{
	return o->ok ? 0 : o->exit_code;
}

static void tell(const struct script_outcome *o, struct hook_reporter *reporter)
{
	if (o->ok)
		return;
	say(o);
	hook_reporter_failed(reporter, o->message, o->action);
}

/* How it ended is told before the state is freed: with much in it that takes a while, which the watchdog may cut short.
 */
static void run(const struct hook *h, struct hook_reporter *reporter, struct script_outcome *out)
{
	AUTO_FD int bundle = open(modules_of(h->archive), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int library = open(SLIPWAY_LUADIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct script_options options = { .stop = reporter->stop,
						.bundle_fd = bundle,
						.library_fd = library,
						.doing = reporter->asked ? hook_reporter_doing : NULL,
						.doing_context = reporter,
						.secret = hook_reporter_secret,
						.secret_context = reporter };
	struct script *s = NULL;
	struct err err = ERR_INIT;

	if (script_new(&options, &s, &err) == 0 && hook_lua_extend(s, h->name, h->archive, &err) == 0) {
		hook_watchdog_watch(s);
		run_script(s, h, out);
	} else {
		(void)snprintf(out->message, sizeof(out->message), "%s", err.msg);
	}
	tell(out, reporter);
	hook_watchdog_release(exit_status(out));
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
	reporter.stop = hook_watchdog_start(&reporter);
	environ = environment;
	(void)sigaction(SIGPIPE, &ignore, NULL); /* a program that does not read its input; cannot fail */
	if (!modules_of(from_environment("SLIPWAY_ARCHIVE_DIR")))
		bundle = hook_lua_bundle(argv[0]);

	const struct hook hook = { .path = argv[0],
				   .name = argv[1] ? argv[1] : argv[0],
				   .ready = argv[1] ? argv[2] : NULL,
				   .archive = bundle ? bundle : getenv("SLIPWAY_ARCHIVE_DIR") };

	run(&hook, &reporter, &outcome);
	return exit_status(&outcome);
}
