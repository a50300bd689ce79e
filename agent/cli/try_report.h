/* cli/try_report.h - what a `slipway try` has come to, as one document (docs/try.schema.json), and as text made of it.
 */
#pragma once

#include "appspec/appspec.h"
#include "cli/try_phase.h"

#include <stdio.h>

#define TRY_PHASES 3

struct try_report {			 /* everything is borrowed */
	const char *source;		 /* as it was named */
	const char *prefix;		 /* where destinations are; NULL: it did not come to that */
	const char *folder;		 /* that is kept; NULL: it is gone when this is read */
	const char *fail_at;		 /* NULL: none */
	const char *problem;		 /* NULL: all went as it should */
	const struct appspec *appspec;	 /* NULL: it is wrong */
	const struct findings *findings; /* of lint */
	const struct findings *not_tried;
	const struct try_phase *phases;
	size_t phase_count;
};

/* Looks at what is installed and at who still runs. New reference. */
json_t *try_report_json(const struct try_report *r);
void try_report_text(const json_t *document, FILE *to);
