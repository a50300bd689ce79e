/* installer/arrange_label.c - from the plan's nodes to labels. */
#include "installer/arrange_label.h"

#include "util/auto.h"

#include <string.h>

const char *arrange_rule_before(const struct plan *plan, uint32_t node)
{
	uint32_t old = plan->nodes[node].old;

	return old == TREE_NONE ? "" : manifest_text(plan->in.manifest, plan->in.manifest->entries[old].context);
}

static const char *rule_after(const struct plan *plan, uint32_t node)
{
	const struct plan_node *n = &plan->nodes[node];
	const char *rule = n->attr ? plan->attrs[n->attr - 1].context : NULL;

	if (n->want == PLAN_WANT_EDITED)
		return arrange_rule_before(plan, node);
	return plan_is_wanted(n) && rule ? rule : "";
}

static unsigned label_flags(const struct plan *plan, uint32_t node, bool same_rule)
{
	const struct plan_node *n = &plan->nodes[node];
	bool staged = n->action == PLAN_ADD || n->action == PLAN_CHANGE;

	if (!plan_is_wanted(n))
		return 0;
	if (staged)
		return *rule_after(plan, node) ? LABEL_FORTH : 0;
	return same_rule ? 0 : LABEL_FORTH | LABEL_BACK;
}

void arrange_labels(const struct plan *plan, struct steps *out)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(plan, i, true)) {
		const struct plan_node *n = &plan->nodes[i];
		const char *before = n->real == i ? arrange_rule_before(plan, i) : "";
		const char *after = n->real == i ? rule_after(plan, i) : "";
		bool same = !strcmp(before, after);
		unsigned flags = same && !*after ? 0 : label_flags(plan, i, same);

		if (same && !flags)
			continue;
		if (*before && plan->in.manifest->entries[n->old].flags & MANIFEST_FOREIGN)
			flags |= LABEL_FOREIGN;

		AUTO_FREE char *path = plan_path(plan, i);

		steps_add_label(out, &(struct step_label){
					     path, before, after, flags,
					     *after && n->attr ? plan->attrs[n->attr - 1].permission->place.line : 0 });
	}
}
