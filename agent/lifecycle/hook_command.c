/* lifecycle/hook_command.c - see hook_command.h. */
#include "lifecycle/hook_command.h"

#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@%:,"

char *hook_quote(const char *text)
{
	AUTO(str_done) struct str out = STR_INIT(5 * PATH_MAX);

	if (*text && !text[strspn(text, PLAIN)])
		return xstrdup(text);
	(void)str_add(&out, "'"); /* a path fits, whatever it is made of */
	for (; *text; text++)
		(void)(*text == '\'' ? str_add(&out, "'\\''") : str_append(&out, text, 1));
	(void)str_add(&out, "'");
	return str_take(&out);
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *hook_program(const char *name, const char *paths)
{
	while (paths && *paths) {
		size_t n = strcspn(paths, ":");
		char *path = xasprintf("%.*s/%s", (int)n, paths, name);

		if (*path == '/' && n && is_program(path)) /* one that is relative would depend on our folder */
			return path;
		free(path);
		paths += n + (paths[n] == ':');
	}
	return xasprintf("/usr/bin/%s", name);
}

void hook_command_done(struct hook_command *c)
{
	free(c->quoted);
}

static void add(struct hook_command *c, size_t *n, const char *word)
{
	c->words[(*n)++] = word;
}

void hook_command(const struct appspec_script *script, const char *path, enum runas_method method, bool is_root,
		  struct hook_command *out)
{
	bool by_su = method == RUNAS_SU && script->runas;
	size_t n = 0;

	*out = (struct hook_command){ .change_user = method == RUNAS_DIRECT && script->runas && is_root };
	if (script->sudo && (method == RUNAS_SU || !is_root)) {
		add(out, &n, "sudo");
		add(out, &n, "-n");
		if (script->runas && !by_su) {
			add(out, &n, "-u");
			add(out, &n, script->runas);
		}
		add(out, &n, "--");
	}
	if (!by_su) {
		add(out, &n, path);
		return;
	}
	out->quoted = hook_quote(path);
	add(out, &n, "su");
	add(out, &n, script->runas);
	add(out, &n, "--session-command");
	add(out, &n, out->quoted);
}
