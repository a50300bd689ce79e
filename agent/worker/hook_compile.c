/* worker/hook_compile.c - see hook_compile.h. */
#include "worker/hook_compile.h"

#include "format/json.h"
#include "lifecycle/hook_language.h"
#include "script/script.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"
#include "worker/host_scripts.h"
#include "worker/policy_ask.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int hook_compile(int bundle_fd, const char *location, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(SCRIPT_MAX_SOURCE);
	const char *name = location + strspn(location, "/");
	struct stat st;
	struct err ignored = ERR_INIT;

	if (policy_read(bundle_fd, name, &text, &st, &ignored) != 1)
		return 0;
	return script_compile(str_text(&text), text.len, name, err);
}

struct host {
	const struct deployment *deployment;
	struct findings *findings;
};

static void compile_for_host(void *context, const char *path, const struct stat *st)
{
	AUTO(str_done) struct str text = STR_INIT(SCRIPT_MAX_SOURCE);
	const struct host *h = context;
	const char *policy = h->deployment->settings.policy;
	struct stat read;
	struct err err = ERR_INIT;

	if (!S_ISREG(st->st_mode) || !hook_is_lua(path) || (policy && !strcmp(path, policy)) ||
	    policy_read(AT_FDCWD, path, &text, &read, &err) != 1 ||
	    script_compile(str_text(&text), text.len, path, &err) == 0)
		return;
	findings_add(h->findings, FINDING_ERROR, (struct appspec_place){ 0 }, "'%s' cannot be compiled: %s", path,
		     err.msg);
}

int hook_compile_host(const struct deployment *d, const char *const *order, struct findings *findings, struct err *err)
{
	struct host host = { d, findings };
	const size_t before = findings->count;

	host_scripts_each(d, order, compile_for_host, &host);
	if (findings->count == before)
		return 0;
	return err_set(err, ERR_CONFIG, "hooks of the host: %s", findings->items[before].message);
}

static json_t *check_all(int bundle_fd, int count, char **locations)
{
	json_t *list = json_array();

	for (int i = 0; i < count; i++) {
		struct err err = ERR_INIT;

		json_array_append_new(list,
				      hook_compile(bundle_fd, locations[i], &err) < 0 ? jtext(err.msg) : json_null());
	}
	return list;
}

int hook_compile_main(int argc, char **argv)
{
	AUTO_FD int bundle = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (bundle < 0) {
		log_error("opening the bundle: %s", strerrordesc_np(errno));
		return 1;
	}

	json_t *list = check_all(bundle, argc, argv);
	int r = json_dumpf(list, stdout, JSON_COMPACT);

	json_decref(list);
	return r < 0 || fflush(stdout) != 0;
}
