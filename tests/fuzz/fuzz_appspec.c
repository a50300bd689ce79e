/* fuzz_appspec.c - any bytes as an appspec: YAML, every section, all warnings of lint, and the JSON that lint prints.
 *
 * Pure: nothing of it touches files; the bundle is a listing, whose scripts cannot be read. What must hold besides no
 * crash, leak or endless loop: success and errors exclude each other, an error has a place in the text, a valid appspec
 * can be shown as JSON, and what is left of one with errors can be linted all the same.
 */
#include "appspec/appspec_json.h"
#include "appspec/lint.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* a.sh, out -> ../x, pipe, up -> web, web/, web/b, web/loop -> .., web/none -> nothing */
static char names[] = "\0a.sh\0out\0../x\0pipe\0up\0web\0b\0loop\0..\0none\0nothing";
static struct tree_entry entries[] = {
	{ .type = TREE_DIRECTORY, .first = 1, .count = 5 },
	{ .name = 1, .type = TREE_FILE, .mode = 0644 },
	{ .name = 6, .type = TREE_LINK, .text = 10 },
	{ .name = 15, .type = TREE_OTHER },
	{ .name = 20, .type = TREE_LINK, .text = 23 },
	{ .name = 23, .type = TREE_DIRECTORY, .first = 6, .count = 3 },
	{ .parent = 5, .name = 27, .type = TREE_FILE, .mode = 0755 },
	{ .parent = 5, .name = 29, .type = TREE_LINK, .text = 34 },
	{ .parent = 5, .name = 37, .type = TREE_LINK, .text = 42 },
};
static const struct tree bundle = { entries, 9, 9, names, sizeof(names), sizeof(names) };

static bool nobody_is_known(const char *name)
{
	return !*name;
}

static void lint(const char *text, size_t size, const struct appspec *a, struct findings *f)
{
	lint_text(text, size, true, f);
	lint_events(a, f);
	lint_ready_made(a, f);
	lint_users(a, nobody_is_known, f);
	lint_portable(a, f);
	lint_bundle(a, &bundle, -1, true, f);
	lint_sort(f);
	for (size_t i = 0; i < f->count; i++)
		assert(*f->items[i].message);
}

static void show(const struct appspec *a)
{
	json_t *shown = appspec_to_json(a);

	assert(shown);
	json_decref(shown);
	for (size_t i = 0; i < a->hook_count; i++)
		assert(appspec_hook(a, a->hooks[i].event));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct findings findings = { 0 };
	struct appspec *a = NULL;
	struct err err = ERR_INIT;
	int result = appspec_parse(text, size, &a, &findings, &err);
	size_t errors = findings.errors;

	assert((result == 0) == (errors == 0));
	assert((result == 0) == (a != NULL));
	assert(result == 0 || err.kind == ERR_APPSPEC);
	assert(result == 0 || *err.msg);
	if (result == 0) {
		show(a);
	} else {
		findings_done(&findings);
		a = appspec_parse_rest(text, size, &findings);
		assert(findings.errors == errors);
	}
	lint(text, size, a, &findings);
	appspec_free(a);
	findings_done(&findings);
	return 0;
}
