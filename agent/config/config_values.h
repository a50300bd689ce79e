/* config/config_values.h - the types of values in slipway.yml. Used by config_keys.c alone.
 *
 * Each takes NODE into SLOT, a member of struct config or of its settings, in place of what that holds. false: NODE is
 * not what the key wants. SLOT is a char * that is owned, where nothing else is said.
 */
#pragma once

#include "format/yaml.h"

#include <stdbool.h>

#define CONFIG_MAX_ACCESS 1000 /* entries of a list */

bool config_value_path(const struct yml_node *node, void *slot);	  /* from '/'; slashes at the end go */
bool config_value_path_or_empty(const struct yml_node *node, void *slot); /* "" for "/" */
bool config_value_hooks_dir(const struct yml_node *node, void *slot);	  /* NULL for "" */
bool config_value_socket(const struct yml_node *node, void *slot);
bool config_value_file_name(const struct yml_node *node, void *slot); /* a part of one */
bool config_value_label(const struct yml_node *node, void *slot); /* one line of text, for the environment of hooks */
bool config_value_behavior(const struct yml_node *node, void *slot); /* DISALLOW, OVERWRITE or RETAIN */
bool config_value_policy(const struct yml_node *node, void *slot);   /* struct settings: policy and policy_needed */

bool config_value_bool(const struct yml_node *node, void *slot);
bool config_value_count(const struct yml_node *node, void *slot);    /* unsigned, from 1 */
bool config_value_entries(const struct yml_node *node, void *slot);  /* uint64_t, from 1 */
bool config_value_ratio(const struct yml_node *node, void *slot);    /* uint64_t, 0 too */
bool config_value_size(const struct yml_node *node, void *slot);     /* uint64_t, bytes: "20GiB" */
bool config_value_duration(const struct yml_node *node, void *slot); /* unsigned, seconds: "10m" */
bool config_value_timeout(const struct yml_node *node, void *slot);  /* the same, not 0 */

bool config_value_on_failure(const struct yml_node *node, void *slot);	 /* enum on_failure */
bool config_value_runas_method(const struct yml_node *node, void *slot); /* enum runas_method */
bool config_value_outputs(const struct yml_node *node, void *slot);	 /* enum outputs_left_open */

/* char **, NULL-terminated: the whole list is replaced, for a later file can take a right away, too. */
bool config_value_access(const struct yml_node *node, void *slot);
bool config_value_is_access_entry(const struct yml_node *node); /* "group:NAME", "user:NAME" */
