/* model/names.h - which names are fit for use, one rule each for all who are given them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_GROUP 200

/* The name of a deployment group is that of its folder: 1 to 200 bytes, no '/', none of the agent's own folders. */
bool name_is_group(const char *name);
/* The rule above in words, to go after the name. */
#define NAME_GROUP_RULE                                                                                                \
	"cannot be a deployment group: a name has 1 to 200 bytes, no '/', and is none of the agent's own folders"
/* [A-Za-z_][A-Za-z0-9_]* */
bool name_is_variable(const char *name, size_t len);
/* Names that tell a hook what it is run for. Whoever could set them would make hooks lie to each other, so neither an
 * appspec nor a request may. */
bool name_is_reserved(const char *name, size_t len);
#define NAME_RESERVED_RULE                                                                                             \
	"is the agent's own (LIFECYCLE_EVENT, DEPLOYMENT_*, APPLICATION_NAME, SLIPWAY_*): take another name"
/* "sha256:" and 64 hexadecimal digits, small or capital. */
bool name_is_digest(const char *text);
/* "p-", 12 small hexadecimal digits, "-" and 12 more, as `slipway plan` prints it. */
bool name_is_plan_id(const char *text);
/* The rule above in words, to go after what it was given as. */
#define NAME_PLAN_ID_RULE "is not an id as 'slipway plan' prints it: e.g. p-0c4f5e9a1b23-7d60a9e8c1f2"
