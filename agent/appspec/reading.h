/* appspec/reading.h - what the readers of an appspec's parts share: values as text, complaints, keys nobody knows.
 *
 * For appspec*.c alone. Every reader goes on after an error, so that all of them are found in one go; what it then
 * returns is never used, since an appspec with an error is given up as a whole.
 */
#pragma once

#include "appspec/appspec.h"
#include "format/yaml.h"
#include "util/arena.h"

#define APPSPEC_FAILED "The deployment failed because " /* how the reference starts its messages */

struct reading {
	struct appspec *out;
	struct arena *arena; /* of OUT */
	struct findings *findings;
	size_t ready_made; /* hooks that were read so far */
};

struct appspec_place reading_place(const struct yml_node *n);
void reading_error(struct reading *r, const struct yml_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void reading_warning(struct reading *r, const struct yml_node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* N in a message, as Ruby would show it: nothing for null, {"a"=>1} for a mapping. Cut when it is long. */
const char *reading_shown(struct reading *r, const struct yml_node *n);
/* Not there, or null. */
bool reading_is_null(const struct yml_node *n);
/* Not there, null or false: where the reference falls back to a default. */
bool reading_is_absent(const struct yml_node *n);
/* The scalar N as it was written; "" and an error ("'WHAT' must be text, not a list") for anything else. */
const char *reading_text(struct reading *r, const struct yml_node *n, const char *what);
const char *reading_trimmed(struct reading *r, const struct yml_node *n, const char *what);
/* The list N, or an empty one and an error. An empty mapping passes for an empty list, as in the reference. */
const struct yml_node *reading_list(struct reading *r, const struct yml_node *n, const char *what);
/* PATH, text of N, would lead out of the archive: an error. WHAT: "source". */
void reading_check_inside(struct reading *r, const struct yml_node *n, const char *what, const char *path);

enum reading_level {
	LEVEL_TOP,
	LEVEL_FILE,
	LEVEL_SCRIPT,
	LEVEL_PERMISSION,
	LEVEL_CONTEXT,
	LEVEL_SLIPWAY,
	LEVEL_OWN_SCRIPT, /* from LEVEL_SLIPWAY on the keys are our own */
	LEVEL_OVERWRITE,
	LEVEL_COUNT
};
/* Complain of every key of MAP that has no meaning at LEVEL, with a guess at what was meant: a warning, or an error
 * where the keys are our own. */
void reading_check_keys(struct reading *r, const struct yml_node *map, enum reading_level level);

/* appspec_hooks.c: adds to the hooks of the appspec, behind the scripts that an event has already. N is the value of
 * 'hooks', LEVEL that of its scripts. */
void appspec_read_hooks(struct reading *r, const struct yml_node *n, enum reading_level level);
/* appspec_slipway.c: N is the value of 'slipway'. */
void appspec_read_slipway(struct reading *r, const struct yml_node *n);
/* appspec_permission.c */
void appspec_read_permissions(struct reading *r, const struct yml_node *n);
/* appspec_acl.c: one entry, TEXT of N. */
void appspec_read_acl(struct reading *r, const struct yml_node *n, const char *text, struct appspec_acl *out);
/* appspec_context.c */
struct appspec_context *appspec_read_context(struct reading *r, const struct yml_node *n);
