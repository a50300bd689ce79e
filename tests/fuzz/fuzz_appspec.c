/* fuzz_appspec.c - any bytes as an appspec: YAML, every section, the warnings of lint, and the JSON that lint prints.
 *
 * Pure: nothing of it touches files. What must hold besides no crash, leak or endless loop: success and errors exclude
 * each other, an error has a place in the text, and a valid appspec can be shown as JSON.
 */
#include "appspec/appspec_json.h"
#include "appspec/lint.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct appspec *a, struct findings *f)
{
	json_t *shown;

	lint_events(a, f);
	lint_ready_made(a, f);
	shown = appspec_to_json(a);
	assert(shown);
	json_decref(shown);
	for (size_t i = 0; i < a->hook_count; i++)
		assert(appspec_hook(a, a->hooks[i].event));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings findings = { 0 };
	struct appspec *a = NULL;
	struct err err = ERR_INIT;
	int result = appspec_parse((const char *)data, size, &a, &findings, &err);

	assert((result == 0) == (findings.errors == 0));
	assert((result == 0) == (a != NULL));
	assert(result == 0 || err.kind == ERR_APPSPEC);
	assert(result == 0 || *err.msg);
	if (a)
		use(a, &findings);
	lint_sort(&findings);
	for (size_t i = 0; i < findings.count; i++)
		assert(*findings.items[i].message);
	appspec_free(a);
	findings_done(&findings);
	return 0;
}
