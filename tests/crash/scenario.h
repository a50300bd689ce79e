/* tests/crash/scenario.h - the scenarios that are killed and failed at every call: an old tree, and what is deployed.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

struct item { /* one file, folder or link of a tree */
	const char *path;
	enum { ITEM_FILE, ITEM_FOLDER, ITEM_LINK } type;
	const char *text; /* content, or where the link leads */
	unsigned mode;	  /* 0: 0644 or 0755 */
};

struct scenario {
	const char *name;
	const struct item *seed; /* what users put below the destination's parent; ends with a NULL path */
	const struct item *old;	 /* the revision deployed before; NULL: none */
	const char *old_appspec; /* `permissions` and so on, behind the files section */
	const struct item *new;
	const char *new_appspec;
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/* Laid out so: BASE/world is the destination's parent, BASE/old, BASE/new and BASE/bad are bundles, BASE/root the
 * state. "bad" is "new" with a hook after Install that cannot run here. */
void scenario_build(const struct scenario *s, const char *base);
void scenario_clear(const char *base);

/* Everything below PATH as text, one line an entry: type, mode, owner, link or content, times. FOLDER_TIMES: those of
 * folders and links as well (an old tree must come back with them; a new one is made at another time each run). */
char *scenario_listing(const char *path, bool folder_times);

/* What temporary things are left below BASE, one a line; "" when nothing is. */
char *scenario_leftovers(const char *base);
