/* format/yaml_pairs.h - the pairs of a map while it is read, until it is known which of them count. For yaml.c alone.
 *
 * Own keys win over those that a merge key brought, later own ones over earlier, earlier merged ones over later (YAML
 * 1.1, type "merge"; Psych for doubled keys).
 */
#pragma once

#include "format/yaml.h"

struct yml_candidate {
	struct yml_pair pair;
	size_t order;
	bool merged, dropped;
};

/* Zero-initialise; yml_pairs_done() gives back. */
struct yml_pairs {
	struct yml_candidate *items;
	size_t count, capacity;
};

void yml_pairs_add(struct yml_pairs *p, struct yml_pair pair, bool merged);
/* Mark those that lose as dropped. NOTE is told of every own key that loses to another own key. */
void yml_pairs_settle(struct yml_pairs *p,
		      void (*note)(void *context, const struct yml_node *key, const struct yml_node *winner),
		      void *context);
void yml_pairs_done(struct yml_pairs *p);
