/* cli/lint_source.h - everything there is to say about a bundle, a folder or an appspec. */
#pragma once

#include "appspec/appspec.h"
#include "util/str.h"

struct lint_source {
	bool portable;	  /* the caller's wish: tell what other agents would make of it, too */
	const char *path; /* borrowed */
	int signal;	  /* that interrupted it; 0: none */
	bool alone;	  /* PATH is an appspec by itself */
	struct str name;  /* of the appspec, for messages */
	struct str text;
	struct findings findings; /* not sorted yet */
	struct appspec *appspec;  /* without what is wrong, see appspec_parse_rest(); NULL: there is none */
};

/* -1: PATH cannot be read at all; what is wrong inside is in the findings. OUT is zero but for its wishes, and the
 * caller's whatever happens:
 * lint_source_done(). An archive is unpacked by a worker meanwhile. */
int lint_source_read(const char *path, struct lint_source *out, struct err *err);
void lint_source_done(struct lint_source *l);
