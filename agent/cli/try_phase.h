/* cli/try_phase.h - one deployment of a `slipway try`, and whether it went as it should. */
#pragma once

#include "cli/local_run.h"

struct try_phase {
	const char *name; /* "first install", "upgrade", "failure" */
	struct local_run run;
	struct worker_end end;
	int64_t preflight_ms, restore_ms; /* -1: there was none */
	int64_t since_ms;		  /* private */
};
void try_phase_done(struct try_phase *p);

/* Carry out p->run.deployment with the worker at PATH, its progress on p->run.output. -1: nothing was started. */
int try_phase_run(struct try_phase *p, const char *path, struct err *err);

/* What is wrong with R, one line for people that the caller frees; NULL: nothing. Pure. FAIL_AT NULL: it should have
 * succeeded. Else that event should have failed, and nothing else, and what ran before be back as it was. */
char *try_phase_problem(const struct deployment_result *r, const char *fail_at);
