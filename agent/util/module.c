/* util/module.c - finds and loads a module. */
#include "util/module.h"

#include "util/auto.h"
#include "util/str.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

static void *open_beside(const char *file)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';

	AUTO_FREE char *path = xasprintf("%s/%s", dirname(exe), file);

	return access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static void *open_installed(const char *file)
{
	AUTO_FREE char *path = xasprintf(SLIPWAY_LIBEXECDIR "/%s", file);

	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* Kept open: dlopen() counts, and not every library likes to be unloaded. */
const void *module_load(const struct module *m, struct err *err)
{
	void *handle = open_beside(m->file);

	if (!handle)
		handle = open_installed(m->file);
	if (!handle) {
		(void)err_set(err, ERR_SYS, "loading %s: %s; install slipway again", m->what, dlerror());
		return NULL;
	}

	const int *version = dlsym(handle, m->symbol);

	if (!version || *version != m->version) {
		(void)err_set(err, ERR_SYS, "%s is of another version of slipway: install slipway again", m->file);
		return NULL;
	}
	return version;
}
