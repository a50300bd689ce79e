/* script/lib_fs.c - slipway.fs: read, write. */
#include "script/script_libs.h"

#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define READ_MAX (8.0 * 1024 * 1024)

static const char *check_path(lua_State *L, const char *fn)
{
	size_t len;
	const char *path = luaL_checklstring(L, 1, &len);

	if (*path != '/' || strlen(path) != len)
		(void)script_misuse(L, "%s: absolute path expected, got '%s' (the bundle is at slipway.archive_dir)",
				    fn, path);
	return path;
}

static int read_file(const char *path, struct str *out, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char buffer[16384];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "reading '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "reading '%s': it is not a file", path);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (str_append(out, buffer, (size_t)n) < 0)
			return err_set(err, ERR_STATE, "reading '%s': it is larger than %zu bytes", path, out->max);
	return n < 0 ? err_sys(err, "reading '%s'", path) : 0;
}

static int l_read(lua_State *L) /* read(path, {max}) -> text */
{
	static const char *const known[] = { "max", NULL };
	const char *path = check_path(L, "slipway.fs.read");
	struct err err = ERR_INIT;

	script_check_options(L, 2, "slipway.fs.read", known);

	double max = script_option_number(L, 2, "slipway.fs.read", "max", READ_MAX);

	if (!(max >= 0) || max > SCRIPT_MEMORY)
		return script_misuse(L, "slipway.fs.read: max: 0 to %u bytes expected", SCRIPT_MEMORY);

	struct str *text = script_str(L, (size_t)max);

	if (read_file(path, text, &err) < 0)
		return script_raise(L, &err);
	lua_pushlstring(L, str_text(text), text->len);
	script_drop(L, -2);
	return 1;
}

/* MODE -1: as the file had it, 0644 for a new one. */
static int write_file(const char *path, const char *text, size_t len, int mode, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	AUTO_FD int fd = fs_open_dir(folder, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!slash[1])
		return err_set(err, ERR_STATE, "writing '%s': it names no file", path);
	if (fstatat(fd, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		st.st_mode = S_IFREG | 0644; /* what else is wrong shows when it is written */
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "writing '%s': there is something that is not a file", path);
	if (fs_write_file(fd, slash + 1, text, len, mode < 0 ? st.st_mode & 07777 : (mode_t)mode, err) < 0)
		return err_add(err, "in '%s'", folder);
	return 0;
}

static int l_write(lua_State *L) /* write(path, text, {mode}) */
{
	static const char *const known[] = { "mode", NULL };
	const char *path = check_path(L, "slipway.fs.write");
	struct err err = ERR_INIT;
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);

	script_check_options(L, 3, "slipway.fs.write", known);

	const char *mode = script_option_string(L, 3, "slipway.fs.write", "mode", NULL);
	char *end = NULL;
	long bits = mode ? strtol(mode, &end, 8) : -1;

	if (mode && (!*mode || *end || bits < 0 || bits > 07777))
		return script_misuse(L, "slipway.fs.write: mode: octal digits in a string expected, such as \"0640\"");
	return write_file(path, text, len, (int)bits, &err) < 0 ? script_raise(L, &err) : 0;
}

static const luaL_Reg functions[] = { { "read", l_read }, { "write", l_write }, { NULL, NULL } };

const struct script_lib lib_fs = { "fs", functions, NULL };
