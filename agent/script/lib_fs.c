/* script/lib_fs.c - slipway.fs: the Lua half of files.h. template is Lua. */
#include "script/files.h"
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define READ_MAX (8.0 * 1024 * 1024)

const char *script_argument_path(lua_State *L, int index, const char *fn, const char *name)
{
	const char *path = script_argument_string(L, index, fn, name, NULL);

	if (*path != '/')
		(void)script_misuse(L,
				    "%s: %s: absolute path expected, got '%s' (the bundle is at slipway.archive_dir)",
				    fn, name, path);
	return path;
}

static mode_t mode_of(lua_State *L, const char *fn, const char *text)
{
	size_t n = strlen(text);

	if (n < 3 || n > 5 || text[strspn(text, "01234567")] || strtol(text, NULL, 8) > 07777)
		(void)script_misuse(L, "%s: mode: octal digits in a string (\"0640\") expected, got '%s'", fn, text);
	return (mode_t)strtol(text, NULL, 8);
}

/* The option `mode` of the table at INDEX. */
static mode_t take_mode(lua_State *L, int index, const char *fn, mode_t fallback)
{
	const char *mode = script_option_string(L, index, fn, "mode", NULL);

	return mode ? mode_of(L, fn, mode) : fallback;
}

static struct files_patience patience(lua_State *L)
{
	return (struct files_patience){ script_must_end, script_of(L) };
}

/* What to return behind a C half that returned R. */
static int end(lua_State *L, int r, int results, const struct err *err)
{
	if (r >= 0)
		return results;
	script_check_end(L);
	return script_raise(L, err);
}

static int l_read(lua_State *L) /* read(path, {max}) -> text */
{
	static const char *const known[] = { "max", NULL };
	const char *path = script_argument_path(L, 1, "slipway.fs.read", "path");
	struct err err = ERR_INIT;

	script_check_options(L, 2, "slipway.fs.read", known);

	double max = script_option_number(L, 2, "slipway.fs.read", "max", READ_MAX);

	if (!(max >= 0) || max > SCRIPT_MEMORY)
		return script_misuse(L, "slipway.fs.read: max: 0 to %u bytes expected, got %g", SCRIPT_MEMORY, max);

	struct str *text = script_str(L, (size_t)max);

	if (files_read(path, text, &err) < 0)
		return script_raise(L, &err);
	lua_pushlstring(L, str_text(text), text->len);
	script_drop(L, -2);
	return 1;
}

static int l_write(lua_State *L) /* write(path, text, {mode}) */
{
	static const char *const known[] = { "mode", NULL };
	const char *path = script_argument_path(L, 1, "slipway.fs.write", "path");
	struct err err = ERR_INIT;
	size_t len;
	const char *text = script_argument_string(L, 2, "slipway.fs.write", "text", &len);

	script_check_options(L, 3, "slipway.fs.write", known);

	mode_t mode = take_mode(L, 3, "slipway.fs.write", FILES_KEEP_MODE);

	return end(L, files_write(path, text, len, mode, &err), 0, &err);
}

static int l_copy(lua_State *L) /* copy(from, to) */
{
	const char *from = script_argument_path(L, 1, "slipway.fs.copy", "from");
	const char *to = script_argument_path(L, 2, "slipway.fs.copy", "to");
	const struct files_patience p = patience(L);
	struct err err = ERR_INIT;

	return end(L, files_copy(from, to, &p, &err), 0, &err);
}

static int l_rename(lua_State *L) /* rename(from, to) */
{
	const char *from = script_argument_path(L, 1, "slipway.fs.rename", "from");
	const char *to = script_argument_path(L, 2, "slipway.fs.rename", "to");
	struct err err = ERR_INIT;

	return end(L, files_rename(from, to, &err), 0, &err);
}

static int l_symlink(lua_State *L) /* symlink(target, path) */
{
	const char *target = script_argument_string(L, 1, "slipway.fs.symlink", "target", NULL);
	const char *path = script_argument_path(L, 2, "slipway.fs.symlink", "path");
	struct err err = ERR_INIT;

	return end(L, files_symlink(target, path, &err), 0, &err);
}

static int l_readlink(lua_State *L) /* readlink(path) -> target */
{
	const char *path = script_argument_path(L, 1, "slipway.fs.readlink", "path");
	struct str *text = script_str(L, PATH_MAX);
	struct err err = ERR_INIT;

	if (files_readlink(path, text, &err) < 0)
		return script_raise(L, &err);
	lua_pushlstring(L, str_text(text), text->len);
	script_drop(L, -2);
	return 1;
}

static int l_mkdir(lua_State *L) /* mkdir(path, {parents, mode}) */
{
	static const char *const known[] = { "parents", "mode", NULL };
	const char *path = script_argument_path(L, 1, "slipway.fs.mkdir", "path");
	struct err err = ERR_INIT;

	script_check_options(L, 2, "slipway.fs.mkdir", known);

	bool parents = script_option_bool(L, 2, "slipway.fs.mkdir", "parents");
	mode_t mode = take_mode(L, 2, "slipway.fs.mkdir", 0755);

	return end(L, files_mkdir(path, mode, parents, &err), 0, &err);
}

static int l_remove(lua_State *L) /* remove(path, {recursive}) -> was it there? */
{
	static const char *const known[] = { "recursive", NULL };
	const char *path = script_argument_path(L, 1, "slipway.fs.remove", "path");
	struct err err = ERR_INIT;

	script_check_options(L, 2, "slipway.fs.remove", known);

	int r = files_remove(path, script_option_bool(L, 2, "slipway.fs.remove", "recursive"), &err);

	lua_pushboolean(L, r > 0);
	return end(L, r, 1, &err);
}

static int l_chmod(lua_State *L) /* chmod(path, mode) */
{
	const char *path = script_argument_path(L, 1, "slipway.fs.chmod", "path");
	const char *text = script_argument_string(L, 2, "slipway.fs.chmod", "mode", NULL);
	mode_t mode = mode_of(L, "slipway.fs.chmod", text);
	struct err err = ERR_INIT;

	return end(L, files_chmod(path, mode, &err), 0, &err);
}

/* A name or a number; nil: NULL. */
static const char *check_id(lua_State *L, int index, const char *name)
{
	return lua_isnoneornil(L, index) ? NULL : script_argument_string(L, index, "slipway.fs.chown", name, NULL);
}

static int l_chown(lua_State *L) /* chown(path, owner, group) */
{
	const char *path = script_argument_path(L, 1, "slipway.fs.chown", "path");
	const char *owner = check_id(L, 2, "owner"), *group = check_id(L, 3, "group");
	struct err err = ERR_INIT;

	if (!owner && !group)
		return script_misuse(L, "slipway.fs.chown: owner, group: one of them or both expected, got neither");
	return end(L, files_chown(path, owner, group, &err), 0, &err);
}

static int l_sha256(lua_State *L) /* sha256(path) -> 64 digits */
{
	const char *path = script_argument_path(L, 1, "slipway.fs.sha256", "path");
	const struct files_patience p = patience(L);
	char hex[DIGEST_HEX_SIZE];
	struct err err = ERR_INIT;

	if (files_digest(path, &p, hex, &err) < 0)
		return end(L, -1, 0, &err);
	lua_pushstring(L, hex);
	return 1;
}

static void done_names(void *bytes)
{
	files_names_done(bytes);
}

/* The names on top of the stack as a list. */
static int push_names(lua_State *L, const struct files_names *names)
{
	lua_createtable(L, (int)names->count, 0);
	for (size_t i = 0; i < names->count; i++) {
		lua_pushstring(L, names->items[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	script_drop(L, -2);
	return 1;
}

static int l_list(lua_State *L) /* list(path) -> names */
{
	const char *path = script_argument_path(L, 1, "slipway.fs.list", "path");
	struct files_names *names = script_hold(L, sizeof(*names), done_names);
	struct err err = ERR_INIT;

	if (files_list(path, names, &err) < 0)
		return script_raise(L, &err);
	return push_names(L, names);
}

static int l_glob(lua_State *L) /* glob(pattern) -> paths */
{
	const char *pattern = script_argument_path(L, 1, "slipway.fs.glob", "pattern");
	const struct files_patience p = patience(L);
	struct files_names *names = script_hold(L, sizeof(*names), done_names);
	struct err err = ERR_INIT;

	if (files_glob(pattern, &p, names, &err) < 0)
		return end(L, -1, 0, &err);
	return push_names(L, names);
}

static const char *type_name(mode_t mode)
{
	static const struct {
		mode_t type;
		const char *name;
	} names[] = { { S_IFREG, "file" },
		      { S_IFDIR, "directory" },
		      { S_IFLNK, "link" },
		      { S_IFIFO, "fifo" },
		      { S_IFSOCK, "socket" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((mode & S_IFMT) == names[i].type)
			return names[i].name;
	return "device";
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
	lua_pushinteger(L, value);
	lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *value)
{
	lua_pushstring(L, value); /* NULL is nil */
	lua_setfield(L, -2, name);
}

static void push_stat(lua_State *L, const struct stat *st)
{
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "%04o", st->st_mode & 07777);
	lua_createtable(L, 0, 8);
	set_text(L, "type", type_name(st->st_mode));
	set_text(L, "mode", mode);
	set_integer(L, "size", st->st_size);
	set_integer(L, "uid", st->st_uid);
	set_integer(L, "gid", st->st_gid);

	const struct passwd *owner = getpwuid(st->st_uid);

	set_text(L, "owner", owner ? owner->pw_name : NULL);

	const struct group *group = getgrgid(st->st_gid);

	set_text(L, "group", group ? group->gr_name : NULL);
	lua_pushnumber(L, (lua_Number)fs_nanoseconds(&st->st_mtim) / 1e9);
	lua_setfield(L, -2, "mtime");
}

/* false: it is not there. Raises when that cannot be told. */
static bool look(lua_State *L, const char *path, bool follow, struct stat *st)
{
	struct err err = ERR_INIT;

	if (fstatat(AT_FDCWD, path, st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (errno != ENOENT && errno != ENOTDIR) {
		(void)err_sys(&err, "looking at '%s'", path);
		(void)script_raise(L, &err);
	}
	return false;
}

static int l_stat(lua_State *L) /* stat(path, {follow = true}) -> table, nil: not there */
{
	static const char *const known[] = { "follow", NULL };
	const char *path = script_argument_path(L, 1, "slipway.fs.stat", "path");
	struct stat st;

	script_check_options(L, 2, "slipway.fs.stat", known);

	bool given = script_push_option(L, 2, "follow") != LUA_TNIL;
	bool follow = !given || script_option_bool(L, 2, "slipway.fs.stat", "follow");

	if (look(L, path, follow, &st))
		push_stat(L, &st);
	else
		lua_pushnil(L);
	return 1;
}

static int l_exists(lua_State *L) /* exists(path) -> boolean; a link that leads nowhere does not */
{
	struct stat st;

	lua_pushboolean(L, look(L, script_argument_path(L, 1, "slipway.fs.exists", "path"), true, &st));
	return 1;
}

static const luaL_Reg functions[] = {
	{ "chmod", l_chmod },	{ "chown", l_chown },	  { "copy", l_copy },	      { "exists", l_exists },
	{ "glob", l_glob },	{ "list", l_list },	  { "mkdir", l_mkdir },	      { "read", l_read },
	{ "remove", l_remove }, { "rename", l_rename },	  { "readlink", l_readlink }, { "sha256", l_sha256 },
	{ "stat", l_stat },	{ "symlink", l_symlink }, { "write", l_write },	      { NULL, NULL },
};

static void open_fs(lua_State *L)
{
	script_lazy(L, "fs.");
	lib_lock_open(L);
}

const struct script_lib lib_fs = { "fs", functions, open_fs };
