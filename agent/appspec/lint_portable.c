/* appspec/lint_portable.c - where the CodeDeploy agents 1.8.1 and 2.x do something else with a good appspec.
 *
 * 2.x is said to read appspecs as 1.8.1 does (its change log, "Compatibility notes"); "the CodeDeploy agents" are both,
 * and what is known of one alone names it. Source: spec/codedeploy-agent.md sections 5, 8.3, 11.2 and 12.
 */
#include "appspec/lint_portable.h"

#include "appspec/lint.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct appspec_place place_of(const struct yml_node *n)
{
	return (struct appspec_place){ n->place.line, n->place.column };
}

/* Every node below one, an aliased node once for each time it is named. */
struct nodes {
	const struct yml_node **items;
	size_t count, capacity;
};

static void collect(const struct yml_node *n, struct nodes *all)
{
	if (all->count == all->capacity) {
		all->capacity = all->capacity ? all->capacity * 2 : 64;
		all->items = xrealloc(all->items, all->capacity * sizeof(const struct yml_node *));
	}
	all->items[all->count++] = n;
	for (size_t i = 0; n->type == YML_LIST && i < n->count; i++)
		collect(n->items[i], all);
	for (size_t i = 0; n->type == YML_MAP && i < n->count; i++) {
		collect(n->pairs[i].key, all);
		collect(n->pairs[i].value, all);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct yml_node *x = *(const struct yml_node *const *)a, *y = *(const struct yml_node *const *)b;

	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	if (x->place.column != y->place.column)
		return x->place.column < y->place.column ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The tree shows no aliases, but what they name is in it more than once. */
static void check_aliases(const struct nodes *all, struct findings *f)
{
	for (size_t i = 1; i < all->count; i++) {
		if (all->items[i] != all->items[i - 1])
			continue;
		findings_add(
			f, FINDING_WARNING, place_of(all->items[i]),
			"an alias repeats this, and the CodeDeploy agent 1.8.1 refuses aliases and merge keys with "
			"Ruby 3.1 and later ('Unknown alias'): write the values out");
		break;
	}
}

/* Ruby makes objects of them, and reading safely allows none. */
static void check_dates(const struct nodes *all, struct findings *f)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct yml_node *n = all->items[i];

		if ((n->is_date || n->is_time) && (!i || n != all->items[i - 1]))
			findings_add(f, FINDING_WARNING, place_of(n),
				     "the CodeDeploy agent 1.8.1 refuses the revision for the date %s with Ruby 3.1 "
				     "and later ('Tried to load unspecified class: %s'): write \"%s\"",
				     n->text, n->is_date ? "Date" : "Time", n->text);
	}
}

static void check_nodes(const struct yml_node *root, struct findings *f)
{
	struct nodes all = { 0 };

	collect(root, &all);
	qsort(all.items, all.count, sizeof(const struct yml_node *), by_place);
	check_aliases(&all, f);
	check_dates(&all, f);
	free(all.items);
}

static void check_mode(const struct yml_node *n, struct findings *f)
{
	char decimal[32];
	const char *cure;

	if (!n || n->type != YML_INT || n->len < 2 || n->text[0] != '0')
		return;
	(void)snprintf(decimal, sizeof(decimal), "%.0f", n->number);
	cure = n->text + (n->len > 4); /* 02644: in quotes four digits are the most there may be */
	if (strlen(decimal) > 4 || strpbrk(decimal, "89"))
		findings_add(f, FINDING_WARNING, place_of(n),
			     "the CodeDeploy agents refuse the revision for the mode %s, which is %s to them: write "
			     "\"%s\"",
			     n->text, decimal, cure);
	else if (n->number != 0)
		findings_add(f, FINDING_WARNING, place_of(n),
			     "the CodeDeploy agents set the mode %04.0f where %s is written: write \"%s\"", n->number,
			     n->text, cure);
}

static void check_permissions(const struct yml_node *list, struct findings *f)
{
	for (size_t i = 0; list && list->type == YML_LIST && i < list->count; i++) {
		const struct yml_node *context = yml_get(list->items[i], "context");
		const struct yml_node *range = context ? yml_get(context, "range") : NULL;

		check_mode(yml_get(list->items[i], "mode"), f);
		if (context && context->type == YML_MAP && (!range || range->type == YML_NULL))
			findings_add(f, FINDING_WARNING, place_of(context),
				     "the CodeDeploy agent 1.8.1 breaks off at a context without a range: write "
				     "'range: s0'");
	}
}

static const struct {
	const char *key, *outcome;
} ours[] = {
	{ "requires", "they deploy this revision whatever it requires" },
	{ "hooks", "they do not run these scripts; what must run everywhere belongs to 'hooks' at the top level" },
	{ "env", "their hooks do not get these variables; let a script set what it cannot do without" },
	{ "overwrite", "file_exists_behavior alone decides there; see that it does no harm" },
};

static void check_own_keys(const struct yml_node *slipway, struct findings *f)
{
	for (size_t i = 0; slipway && slipway->type == YML_MAP && i < slipway->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(ours); k++)
			if (!strcmp(slipway->pairs[i].key->text, ours[k].key))
				findings_add(f, FINDING_WARNING, place_of(slipway->pairs[i].key),
					     "the CodeDeploy agents ignore '%s' below 'slipway': %s", ours[k].key,
					     ours[k].outcome);
}

void lint_portable_document(const struct yml_node *root, struct findings *f)
{
	check_nodes(root, f);
	check_permissions(yml_get(root, "permissions"), f);
	check_own_keys(yml_get(root, "slipway"), f);
}

static void check_event(const struct appspec_hook *h, struct findings *f)
{
	if (!lint_event_is_standard(h->event))
		findings_add(f, FINDING_WARNING, h->place,
			     "where CodeDeploy names its events, its agents refuse the revision for '%s' ('contains "
			     "unknown lifecycle events'): use an event of theirs",
			     h->event);
	else if (str_ends(h->event, "BlockTraffic") || str_ends(h->event, "AllowTraffic"))
		findings_add(f, FINDING_WARNING, h->place,
			     "CodeDeploy never runs '%s' in an in-place deployment without a load balancer: what must "
			     "always run belongs to ApplicationStop or ValidateService",
			     h->event);
}

/* 1.8.1 makes one line of command, user and path and lets blanks and a shell have it. */
static void check_script(const struct appspec_script *s, struct findings *f)
{
	if (strpbrk(s->location, " \t\"'`$&|;<>()*?[]{}~#\\"))
		findings_add(f, FINDING_WARNING, s->place,
			     "the CodeDeploy agent 1.8.1 does not quote '%s' and runs something else: name the script "
			     "without blanks and signs of a shell",
			     s->location);
}

static void check_hook(const struct appspec_hook *h, struct findings *f)
{
	bool theirs = false;

	for (size_t i = 0; i < h->script_count; i++) {
		if (h->scripts[i].own)
			continue;
		theirs = true;
		check_script(&h->scripts[i], f);
	}
	if (theirs)
		check_event(h, f);
}

static void check_relative(const char *what, const char *path, struct appspec_place place, struct findings *f)
{
	if (path[0] != '/')
		findings_add(f, FINDING_WARNING, place,
			     "the CodeDeploy agent 1.8.1 takes the %s '%s' to be below the folder it was started in, / "
			     "or /opt/codedeploy-agent: write '/%s'",
			     what, path, path);
}

void lint_portable(const struct appspec *a, struct findings *f)
{
	for (size_t i = 0; i < a->hook_count; i++)
		check_hook(&a->hooks[i], f);
	for (size_t i = 0; i < a->file_count; i++)
		check_relative("destination", a->files[i].destination, a->files[i].place, f);
	for (size_t i = 0; i < a->permission_count; i++) {
		const struct appspec_permission *p = &a->permissions[i];

		check_relative("object", p->object, p->place, f);
		if (p->mode_text && p->mode & 06000)
			findings_add(f, FINDING_WARNING, p->place,
				     "the CodeDeploy agent 2.x refuses the mode %s where "
				     "'reject_unsafe_permissions_in_bundle' is set: do without setuid and setgid",
				     p->mode_text);
	}
}
