/* config/config.c - where the configuration is looked for, and what its files add up to. Keys are in config_keys.c. */
#include "config/config.h"
#include "config/config_keys.h"
#include "config/config_vars.h"
#include "format/json.h"
#include "format/plain.h"
#include "format/yaml.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void config_done(struct config *c)
{
	for (size_t i = 0; i < c->warning_count; i++)
		free(c->warnings[i]);
	free(c->warnings);
	free(c->root);
	free(c->state_dir);
	free(c->socket);
	jstrings_free(c->access_status);
	jstrings_free(c->access_deploy);
	config_vars_done(c);
	settings_done(&c->settings);
	*c = (struct config){ 0 };
}

/* ROOT as an absolute path without a slash at its end; it need not be there yet. */
static int absolute_root(const char *root, char **out, struct err *err)
{
	char here[PATH_MAX];
	AUTO_FREE char *path = NULL;

	if (!root || !*root) {
		*out = xstrdup("");
		return 0;
	}
	if (*root != '/' && !getcwd(here, sizeof(here)))
		return err_sys(err, "the working directory");
	path = *root == '/' ? xstrdup(root) : xasprintf("%s/%s", here, root);
	for (size_t len = strlen(path); len && path[len - 1] == '/';)
		path[--len] = '\0';
	*out = TAKE_PTR(path);
	return 0;
}

/* 1: read, *DOC is the caller's; 0: not there. */
static int read_yaml(const char *path, const char *shown, struct yml_doc **doc, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(CONFIG_MAX_BYTES);
	struct yml_place where = { 0 };
	int r = fs_read_file(AT_FDCWD, path, &text, err);

	if (r <= 0)
		return r;
	if (yml_load(str_text(&text), text.len, doc, &where, err) == 0)
		return 1;
	if (where.line)
		return err_add(err, "%s:%u:%u", shown, where.line, where.column);
	return err_add(err, "%s", shown);
}

static int load_file(struct config *c, const char *path, bool wanted, struct err *err)
{
	AUTO(yml_freep) struct yml_doc *doc = NULL;
	AUTO_FREE char *shown = plain_path(path);
	int r = read_yaml(path, shown, &doc, err);

	if (r < 0) {
		err->kind = ERR_CONFIG;
		return -1;
	}
	if (r == 0 && wanted)
		return err_set(err, ERR_CONFIG, "the configuration '%s' is not there: give another --config, or none",
			       shown);
	if (r == 0 || !doc->root)
		return 0;
	return config_keys_apply(c, doc, shown, err);
}

static int is_yml(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && str_ends(entry->d_name, ".yml");
}

/* By bytes, whatever the locale is. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_folder(struct config *c, const char *folder, struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_yml, by_name);
	int r = 0;

	if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (n < 0) {
		(void)err_sys(err, "reading the folder '%s'", folder);
		err->kind = ERR_CONFIG;
		return -1;
	}
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", folder, entries[i]->d_name);

		r = r < 0 ? r : load_file(c, path, false, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int load_files(struct config *c, const char *file, struct err *err)
{
	if (file && *file)
		return load_file(c, file, true, err);

	AUTO_FREE char *main_file = xasprintf("%s/etc/slipway/slipway.yml", c->root);
	AUTO_FREE char *folder = xasprintf("%s/etc/slipway/conf.d", c->root);

	if (load_file(c, main_file, false, err) < 0)
		return -1;
	return load_folder(c, folder, err);
}

static char **list_of_one(const char *text)
{
	char **list = xcalloc(2, sizeof(*list));

	list[0] = xstrdup(text);
	return list;
}

/* What holds when no file says otherwise; the root is there already. */
static void set_defaults(struct config *c)
{
	c->state_dir = xasprintf("%s/var/lib/slipway", c->root);
	c->socket = xasprintf("%s/run/slipway/slipway.sock", c->root);
	c->access_status = list_of_one("group:slipway");
	c->access_deploy = list_of_one("group:slipway-deploy");
	c->on_failure = ON_FAILURE_RESTORE;
	c->deadline_s = 3600;
	c->stop_timeout_s = 60;
	c->history = 100;
	settings_defaults(&c->settings, "");
	c->settings.hooks_dir = xasprintf("%s/etc/slipway/hooks.d", c->root);
	c->settings.policy = xasprintf("%s/etc/slipway/policy.lua", c->root);
}

/* What no key says, the host does. */
static void tell_host(struct settings *s)
{
	char host[HOST_NAME_MAX + 1] = "";
	const char *region = getenv("AWS_REGION");

	if (!s->instance && gethostname(host, sizeof(host) - 1) == 0 && *host)
		s->instance = xstrdup(host);
	if (!s->region && region && *region && strlen(region) <= NAME_MAX)
		s->region = xstrdup(region);
}

int config_load(const struct config_place *place, struct config *out, struct err *err)
{
	AUTO(config_done) struct config c = { 0 };

	if (absolute_root(place->root, &c.root, err) < 0)
		return -1;
	set_defaults(&c);
	if (load_files(&c, place->file, err) < 0)
		return -1;
	tell_host(&c.settings);
	free(c.settings.deployment_root);
	c.settings.deployment_root = xasprintf("%s/deployment-root", c.state_dir);
	*out = c;
	c = (struct config){ 0 };
	return 0;
}

int config_take_codedeployagent(struct config *c, const char *path, struct err *err)
{
	AUTO(yml_freep) struct yml_doc *doc = NULL;
	AUTO_FREE char *shown = plain_path(path);
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, R_OK) < 0)
		return err_set(err, ERR_CONFIG, "configuration file %s does not exist or is not readable", shown);
	if (read_yaml(path, shown, &doc, err) < 0 || config_keys_take_codedeployagent(c, doc->root, err) < 0) {
		(void)err_add(err, "An error occurred loading the CodeDeploy agent config file at %s. Error message",
			      shown);
		err->kind = ERR_CONFIG;
		return -1;
	}
	return 0;
}

/* The nearest folder above PATH, or PATH itself, that is there. */
static char *existing_folder(const char *path)
{
	char *folder = xstrdup(path);

	while (access(folder, F_OK) < 0 && errno != EACCES) {
		char *slash = strrchr(folder, '/');

		if (!slash || slash == folder) {
			folder[1] = '\0'; /* it began with a slash */
			break;
		}
		*slash = '\0';
	}
	return folder;
}

int config_check_writable(const struct config *c, struct err *err)
{
	AUTO_FREE char *folder = existing_folder(c->settings.deployment_root);

	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;

	AUTO_FREE char *shown = plain_path(c->settings.deployment_root);

	(void)err_sys(err, "deployments cannot be recorded in '%s'", shown);
	err->kind = ERR_CONFIG;
	if (geteuid() == 0)
		return -1;

	char reason[sizeof(err->msg)];

	(void)memcpy(reason, err->msg, sizeof(reason));
	return err_set(err, ERR_CONFIG,
		       "%.700s: run as root, or as an ordinary user below a folder of your own: slipway --root DIR ...",
		       reason);
}
