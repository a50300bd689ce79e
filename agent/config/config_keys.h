/* config/config_keys.h - the keys of slipway.yml: names, types, bounds, cures. Used by config.c alone. */
#pragma once

#include "config/config.h"
#include "format/yaml.h"

/* Apply what DOC says to C; SHOWN is the file's name for messages. Unknown keys become warnings of C. */
int config_keys_apply(struct config *c, const struct yml_doc *doc, const char *shown, struct err *err);
/* ROOT of the reference's codedeployagent.yml; NULL: it is empty. */
int config_keys_take_codedeployagent(struct config *c, const struct yml_node *root, struct err *err);
