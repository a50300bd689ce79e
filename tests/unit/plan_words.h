/* plan_words.h - plans in words: paths of them, and what becomes of each. */
#pragma once

#include "fake_world.h"
#include "installer/plan.h"
#include "util/auto.h"

static inline int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a + 2, *(char *const *)b + 2);
}

/* What the plan does, sorted by the bytes of the paths: "+d/srv/app ~f/srv/app/a". Behind the action is what will stand
 * there, or what goes; "r": what stands there is retained, "e": so is an edited file of ours. */
static inline char *shown(const struct plan *p)
{
	static const char actions[] = { ' ', '+', '~', '=', '@', '-' };
	static const char wants[] = { '?', 'd', 'f', 'l', 'r', 'e' }, kinds[] = { '-', 'd', 'f', 'l', 'o' };
	char *words[FAKE_MAX];
	size_t count = 0;
	struct str s = STR_INIT(64 * 1024);

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		const struct plan_node *n = &p->nodes[i];
		AUTO_FREE char *path = plan_path(p, i);

		if (!plan_is_place(p, i) ||
		    (n->action == PLAN_STAY && n->want != PLAN_WANT_RETAINED && n->want != PLAN_WANT_EDITED))
			continue;
		words[count++] = xasprintf("%c%c%s", actions[n->action],
					   n->action == PLAN_REMOVE ? kinds[n->disk] : wants[n->want], path);
	}
	qsort(words, count, sizeof(*words), by_text);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(0, str_printf(&s, "%s%s", i ? " " : "", words[i]));
		free(words[i]);
	}
	return str_take(&s);
}

static inline uint32_t node_at(const struct plan *p, const char *path)
{
	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		AUTO_FREE char *have = plan_path(p, i);

		if (!strcmp(have, path))
			return i;
	}
	fail_msg("%s is not in the plan", path);
	return 0;
}
