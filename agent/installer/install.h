/* installer/install.h - the install transaction, and what becomes of one that was interrupted.
 *
 *     plan -> arrange -> journal: places -> stage -> records -> journal: steps -> BARRIER (all of it durable)
 *          -> journal: COMMIT -> steps -> SELinux labels -> manifest -> flush -> journal: DONE -> the group's pointer
 *          -> ... END
 *
 * Until COMMIT is durable nothing that was there before has changed, and whatever ends the process, the next start
 * discards; after it the next start goes on to DONE. A step that fails, or a caller that asks for it as long as the
 * install has not ended, leads to FAILED and back: files, the group's pointer and its records are those of the revision
 * before. What was replaced stays in the private folders until install_end().
 * Source: DESIGN.md section 6; promises P1-P6 and P8 of spec/reliability-security.md.
 */
#pragma once

#include "installer/plan.h"
#include "installer/stage.h"

#define INSTALL_MANIFEST "manifest"

struct install_place {		     /* where the install keeps its records */
	int deployment_fd;	     /* the deployment's folder; borrowed */
	const char *deployment_path; /* absolute */
	const char *deployment_id;
	int instructions_fd;  /* deployment-instructions/; borrowed */
	const char *group;    /* deployment group id */
	const char *previous; /* where the group's pointer led before, to lead there again; NULL: it named none */
	/* Undoing: FOLDER was made by the install and stays, with what others put into it. NULL: nobody asks. */
	void (*spared)(void *context, const char *folder);
	void *context;
};

struct install; /* a committed install, until it is ended */

enum install_outcome {
	INSTALL_UNTOUCHED,	/* nothing at the destinations has changed */
	INSTALL_DONE,		/* the new revision is in place */
	INSTALL_UNDONE,		/* the old one is back */
	INSTALL_NEEDS_RECOVERY, /* neither finished nor undone: install_recover() will try again */
};

/* Carry out PLAN. 0: *OUT is the caller's: install_end(), then install_free(); PLAN and the strings of WHERE must live
 * as long. -1: OUTCOME says how things stand; nothing temporary is left unless INSTALL_NEEDS_RECOVERY. */
int install_run(const struct plan *plan, const struct install_place *where, const struct stage_options *o,
		struct install **out, enum install_outcome *outcome, struct err *err);

/* The deployment has ended: what was kept aside (or, once undone, what had been installed) goes. A failure leaves work
 * for the next start and is no failure of the deployment. */
int install_end(struct install *in, struct err *err);
/* Before that: back to what was there before. 0: OUTCOME is INSTALL_UNDONE; -1: INSTALL_NEEDS_RECOVERY. */
int install_undo(struct install *in, enum install_outcome *outcome, struct err *err);
void install_free(struct install *in); /* NULL is fine */

/* Finish or undo what an earlier process began in this deployment's folder; may itself be interrupted any number of
 * times. FAILED: the deployment counts as failed and is to be restored, so that an install which was committed and has
 * not ended is undone, not finished. 0: there was nothing to do, OUTCOME says how it ended; 1: OUTCOME is DONE, UNDONE
 * or UNTOUCHED; -1: OUTCOME is INSTALL_NEEDS_RECOVERY. */
int install_recover(const struct install_place *where, bool failed, enum install_outcome *outcome, struct err *err);
