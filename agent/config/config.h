/* config/config.h - what /etc/slipway/slipway.yml and its conf.d say, as the settings of every deployment.
 *
 * Read in order: the built-in defaults, slipway.yml, then conf.d/(name).yml in the order of their names; maps merge,
 * the later value wins, a key without a value counts as not given. A file that is not there is fine unless it was
 * named. An unknown key is a warning, a wrong value an error with file:line:column and the cure (ERR_CONFIG). Keys:
 * docs/configuration.md. Source: PRODUCT.md section 2.
 */
#pragma once

#include "model/deployment.h"

#define CONFIG_MAX_BYTES (1024 * 1024)

/* Where to look; NULL: not given. Borrowed. */
struct config_place {
	const char *root; /* the default places lie below this folder (relative: to the working directory) */
	const char *file; /* this file alone, in place of slipway.yml and conf.d; it must be there */
};

/* The variables that the hooks of a group get (key 'vars'). */
struct config_vars {
	char *group;  /* "*": of all */
	char **items; /* "NAME=VALUE", NULL-terminated; NULL: none */
};

struct config {
	char *root;	 /* absolute, without a slash at its end: "" for the real one */
	char *state_dir; /* absolute */
	struct settings settings;
	char *socket;		    /* absolute */
	char **access_status;	    /* "group:NAME", "user:NAME"; NULL-terminated, never NULL */
	char **access_deploy;	    /* the same */
	enum on_failure on_failure; /* of deployments that do not say */
	unsigned deadline_s;	    /* the same; 0: none */
	unsigned stop_timeout_s;    /* how long a daemon told to stop waits for what runs; 0: not at all */
	unsigned history;	    /* rows kept of each group, >= 1 */
	struct config_vars *vars;   /* in the order in which their groups were first named */
	size_t vars_count;
	char **warnings; /* NULL-terminated; NULL: none */
	size_t warning_count;
};

/* OUT is the caller's: config_done(). To reload, load another one and swap them: nothing is shared. */
int config_load(const struct config_place *place, struct config *out, struct err *err);
/* Take over what the reference's codedeployagent.yml at PATH says in our terms: root_dir, max_revisions, program_name
 * and enable_deployments_log, with or without a leading colon. Anything else is ignored (docs/configuration.md says
 * what of it has a counterpart). Messages are the reference's. */
int config_take_codedeployagent(struct config *c, const char *path, struct err *err);
/* The settings of a deployment of GROUP: those of C, with the variables of "*" and then of GROUP. OUT: settings_done().
 */
void config_settings(const struct config *c, const char *group, struct settings *out);
void config_done(struct config *c);
/* Can deployments be recorded there? Nothing is changed. ERR_CONFIG names --root when an ordinary user cannot. */
int config_check_writable(const struct config *c, struct err *err);
