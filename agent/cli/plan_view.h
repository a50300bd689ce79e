/* cli/plan_view.h - a plan on the screen or as a document. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct plan_view {
	const json_t *plan; /* docs/plan.schema.json without "paths"; borrowed */
	FILE *paths;	    /* the lines of PLAN_PATHS, read more than once; borrowed */
	int archive_fd;	    /* the unpacked bundle, for differences */
	bool verbose, diff;
	bool no_diff; /* there is no diff(1): was found out */
};

void plan_view_text(struct plan_view *v);
void plan_view_json(struct plan_view *v);
