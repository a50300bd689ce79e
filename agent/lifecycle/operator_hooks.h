/* lifecycle/operator_hooks.h - what the operator of this host runs around the hooks of every application.
 *
 *	HOOKS_DIR/EVENT/NN-NAME		settings.hooks_dir, the name of the event, two digits that give the order
 *
 * 00 to 49 run before the application's own scripts of the event, or before the agent's work at DownloadBundle and
 * Install; 50 to 99 run after. They run as the agent's user, mostly root, so only what config/trust.h allows is run:
 * that goes for HOOKS_DIR, the event's folder and every script, and below HOOKS_DIR nothing may be a link. Each script
 * is executable, or in Lua. Other names (README, 10-x.sh~) are ignored with a warning, those with a dot in front
 * without.
 *
 * Rules for users: docs/hooks.md "Operator hooks".
 */
#pragma once

#include "appspec/appspec.h"
#include "model/deployment.h"

#define OPERATOR_HOOKS_SHOWN "hooks.d/" /* before EVENT/NN-NAME, for people */
#define OPERATOR_HOOKS_MAX   100	/* scripts of one event */

enum operator_hook_place { OPERATOR_HOOK_NONE, OPERATOR_HOOK_BEFORE, OPERATOR_HOOK_AFTER };
/* By its name alone: [0-9][0-9]-, then letters, digits, '.', '_' and '-', and not what editors and dpkg leave behind.
 */
enum operator_hook_place operator_hook_place(const char *name);

/* Zero-initialise; operator_hooks_done() gives back. */
struct operator_hooks {
	struct appspec_script *scripts; /* in their order; location and path are set */
	size_t count, before;		/* the first BEFORE of them run before */
	struct arena *arena;		/* owns all of the above */
};
/* Those of EVENT as they are on the disk now; none is fine. -1, ERR_CONFIG: there is something that must not or cannot
 * be run; FINDINGS, empty so far, gets all of that, and a warning for every name that is ignored. */
int operator_hooks_find(const struct settings *s, const char *event, struct operator_hooks *out,
			struct findings *findings, struct err *err);
void operator_hooks_done(struct operator_hooks *h);
/* The same for every event of ORDER, for what is found alone. */
int operator_hooks_check(const struct settings *s, const char *const *order, struct findings *findings,
			 struct err *err);
