/* cli/doctor.h - what a check of this machine has found; each file of doctor_*.c looks at one thing.
 *
 * Nothing is changed. A finding is one line for people: what is so and, unless it is fine, what to do.
 */
#pragma once

#include "cli/client.h"
#include "cli/human.h"
#include "cli/status_view.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR, DOCTOR_LEVEL_COUNT };
const char *doctor_level_name(enum doctor_level level); /* "ok", "warning", "error" */

struct doctor {
	const struct config *config; /* borrowed; NULL: it cannot be read */
	struct status_view status;   /* what the daemon says; group_count 0 and version NULL: it says nothing */
	unsigned timeout_s;	     /* for the daemon's answer */
	struct table lines;
	json_t *checks;
	size_t count[DOCTOR_LEVEL_COUNT];
};
void doctor_done(struct doctor *d);

/* CURE NULL: none is needed. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *cure, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

void doctor_daemon(struct doctor *d); /* also asks for the status that doctor_groups() shows */
void doctor_state(struct doctor *d);  /* the state folder, its modes, space and inodes */
void doctor_hooks(struct doctor *d);  /* the hooks of this host: who may write to them */
void doctor_system(struct doctor *d); /* clock, su and sudo */
void doctor_groups(struct doctor *d); /* what the daemon knows, else what the folders say */
