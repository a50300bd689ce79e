/* config/config_vars.h - the key 'vars' of slipway.yml: what the hooks of a group, or of all, get in their environment.
 *
 *	vars: { "*": { NAME: value }, GROUP: { NAME: value } }
 *
 * Used by config.c and config_keys.c alone.
 */
#pragma once

#include "config/config.h"
#include "format/yaml.h"

#define CONFIG_VARS	      "vars"
#define CONFIG_VARS_MAX_BYTES (128 * 1024) /* of a group: what an appspec may have, too */

/* Merge what NODE says into C, name by name; SHOWN is the file's name for messages. -1, ERR_CONFIG. */
int config_vars_apply(struct config *c, const struct yml_node *node, const char *shown, struct err *err);
void config_vars_done(struct config *c);
