/* lifecycle/hook_environment.h - as whom a hook runs and which variables it sees. */
#pragma once

#include "lifecycle/hook.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A complete environment, as execve() takes it. Zero-initialise; environment_done() gives back. */
struct environment {
	char **items; /* NULL-terminated once anything was set */
	size_t count, capacity;
};
void environment_set(struct environment *e, const char *name, const char *value);
void environment_put(struct environment *e, const char *item); /* "NAME=VALUE" */
void environment_done(struct environment *e);

struct hook_user {
	char *name, *home, *shell;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
};
/* 1: found, the caller's: hook_user_done(); 0: there is no such user; -1: ERR_SYS. */
int hook_user_find(const char *name, struct hook_user *out, struct err *err);
void hook_user_done(struct hook_user *u);

/* What comes later wins: INHERITED (environ) without credentials and what is meant for the agent alone; the revision's
 * (the script's environment, 'slipway: env'); the host's (settings.variables); run->environment; what describes the
 * deployment; USER's (NULL: nobody else's). */
void hook_environment(const struct hook_run *run, const struct hook_user *user, char *const *inherited,
		      struct environment *out);
