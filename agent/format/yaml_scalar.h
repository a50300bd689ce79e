/* format/yaml_scalar.h - what a plain scalar means by YAML 1.1 as Psych reads it. For yaml.c and yaml_write.c alone. */
#pragma once

#include "format/yaml.h"

#include <regex.h>

#define SCALAR_RULE_COUNT 9

struct scalar_rules {
	regex_t compiled[SCALAR_RULE_COUNT];
};

void scalar_rules_init(struct scalar_rules *rules);
void scalar_rules_done(struct scalar_rules *rules);
/* Set type, truth, is_date, is_time and number of N from its text. */
void scalar_resolve(const struct scalar_rules *rules, struct yml_node *n);

bool scalar_tag_is_known(const char *tag);	/* one of YAML's own, or "!" */
bool scalar_tag_asks_for_text(const char *tag); /* NULL is fine */
