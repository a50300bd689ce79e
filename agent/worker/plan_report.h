/* worker/plan_report.h - a plan as docs/plan.schema.json has it. */
#pragma once

#include "worker/preflight.h"

struct plan_report {
	const struct plan *plan;
	const struct deployment *deployment;
	const struct revision_files *files;
	const unsigned char *drift; /* enum drift_flags of each entry of the manifest; NULL: there is none */
	int folder_fd;		    /* gets the file PLAN_PATHS */
};

/* Write what becomes of every path. Into O go "files", "destinations" and "changes". */
int plan_report_paths(const struct plan_report *r, json_t *o, struct err *err);
/* New reference: what stands in the way, at most 1000 of them. */
json_t *plan_report_errors(const struct plan *p, size_t *count);
