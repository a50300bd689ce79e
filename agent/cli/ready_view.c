/* cli/ready_view.c - from the headers of ready-made hooks to tables. */
#include "cli/ready_view.h"

#include "appspec/ready_hook.h"
#include "cli/human.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>

int ready_view_list(struct err *err)
{
	AUTO(table_done) struct table t = { 0 };

	for (size_t i = 0; ready_hook_name(i); i++) {
		AUTO(ready_hook_freep) struct ready_hook *h = NULL;

		if (ready_hook_load(ready_hook_name(i), &h, err) < 0)
			return -1;
		table_add(&t, h->name, h->summary, NULL);
	}
	table_print(&t, "", stdout);
	return 0;
}

/* "30s" or "required" or "nginx, haproxy": what the type does not tell. */
static void add_values(const struct ready_argument *a, struct str *out)
{
	if (a->required)
		(void)str_add(out, "required");
	if (a->fallback)
		(void)str_printf(out, "default: %s", a->fallback->text);
	for (size_t i = 0; a->choices && i < a->choices->count; i++)
		(void)str_printf(out, "%s%s", i ? ", " : out->len ? "; " : "", a->choices->items[i]->text);
}

int ready_view_show(const char *name, struct err *err)
{
	AUTO(ready_hook_freep) struct ready_hook *h = NULL;
	AUTO(table_done) struct table t = { 0 };
	char *none = NULL;
	int found = ready_hook_load(name, &h, err);

	if (found <= 0)
		return found < 0 ? -1 : ready_hook_with_words(name, &none, 0, &none, err);
	(void)printf("%s: %s\n", h->name, h->summary);
	for (size_t i = 0; h->events && i < h->events->count; i++)
		(void)printf("%s%s", i ? ", " : "made for ", h->events->items[i]->text);
	(void)printf("%s\n", h->events ? "\n" : "");
	for (size_t i = 0; i < h->argument_count; i++) {
		const struct ready_argument *a = &h->arguments[i];
		AUTO(str_done) struct str values = STR_INIT(4096);

		add_values(a, &values);
		table_add(&t, a->name, ready_type_name(a->type), str_text(&values), a->help, NULL);
	}
	table_print(&t, "  ", stdout);
	return 0;
}
