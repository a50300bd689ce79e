/* installer/plan_policy.c - rules of 'slipway: overwrite' that a script decides: what it is asked, what comes of that.
 */
#include "installer/plan_internal.h"
#include "installer/policy.h"
#include "util/auto.h"

void plan_ready_policies(struct plan *p)
{
	const struct plan_asker *asker = p->in.asker;

	for (size_t i = 0; i < p->in.appspec->overwrite_count; i++) {
		const struct appspec_overwrite *rule = &p->in.appspec->overwrites[i];
		struct err why = ERR_INIT;

		if (!rule->policy)
			continue;
		if (!asker)
			(void)err_set(&why, ERR_SCRIPT_FAILED, "%s: there is nobody to ask it", rule->policy);
		if (asker && asker->ready(asker->context, rule, &why) == 0)
			continue;
		(void)plan_refuse(p, why.kind, rule->place, "%s", why.msg);
		p->asks_none = true;
	}
}

/* The digest of the file NODE. NULL: it has none. */
static int digest_there(struct plan *p, uint32_t node, const unsigned char **out, unsigned char bytes[DIGEST_SIZE],
			struct err *err)
{
	const struct world *w = p->in.world;
	int r = p->nodes[node].disk == DISK_FILE
			? w->digest(w->context, plan_dir(p, p->nodes[node].parent), p->nodes[node].name, bytes, err)
			: 0;

	*out = r == 1 ? bytes : NULL;
	return r < 0 ? -1 : 0;
}

static const unsigned char *digest_coming(const struct plan *p, const struct tree_entry *e,
					  unsigned char bytes[DIGEST_SIZE])
{
	bool known = e->type == TREE_FILE && p->in.digests &&
		     digest_index_find(p->in.digests, e->ino, e->size, e->ctime_ns, bytes);

	return known ? bytes : NULL;
}

static int refuse_unanswered(struct plan *p, const struct appspec_overwrite *rule, uint32_t node, const struct err *why)
{
	AUTO_FREE char *path = plan_path(p, node);

	(void)plan_refuse(p, why->kind, rule->place, "'%s': %s", path, why->msg);
	return 1;
}

static int refuse_existing(struct plan *p, const struct appspec_overwrite *rule, uint32_t node)
{
	AUTO_FREE char *path = plan_path(p, node);

	(void)plan_refuse(p, ERR_EXISTS, rule->place,
			  "The deployment failed because a specified file already exists at this location: %s (%s "
			  "answers 'disallow')",
			  path, rule->policy);
	return 1;
}

int plan_ask(struct plan *p, const struct appspec_overwrite *rule, uint32_t spelled, uint32_t node, uint32_t source,
	     enum verdict *out, struct err *err)
{
	unsigned char there[DIGEST_SIZE], coming[DIGEST_SIZE];
	const struct tree_entry *comes = &p->in.tree->entries[source];
	AUTO_FREE char *path = NULL;
	struct plan_question q = { .rule = rule, .ours = p->nodes[node].flags & PLAN_OURS, .comes = comes };
	const struct world *w = p->in.world;
	enum policy_answer answer = POLICY_DISALLOW;
	struct err why = ERR_INIT;

	*out = VERDICT_REFUSE;
	if (p->asks_none)
		return 1; /* a finding tells which script cannot be asked */
	if (w->probe(w->context, plan_dir(p, p->nodes[node].parent), p->nodes[node].name, &q.exists, err) < 0 ||
	    digest_there(p, node, &q.exists_digest, there, err) < 0)
		return -1;
	q.comes_digest = digest_coming(p, comes, coming);
	q.path = path = plan_path_without_prefix(p, spelled);

	int r = p->in.asker->ask(p->in.asker->context, &q, &answer, &why);

	p->asks_none = r == -2;
	if (r < 0)
		return refuse_unanswered(p, rule, node, &why);
	*out = policy_answer_verdict(answer, q.ours);
	return answer == POLICY_DISALLOW ? refuse_existing(p, rule, node) : 0;
}
