/* worker/hook_test_texts.c - the files of lua/test/ as part of the program. */
#include "util/auto.h"
#include "util/embed.h"
#include "worker/hook_test_case.h"

#include <assert.h>
#include <string.h>

EMBED_FILE(test_compare, "lua/test/compare.lua");
EMBED_FILE(test_fakes, "lua/test/fakes.lua");
EMBED_FILE(test_answers, "lua/test/answers.lua");
EMBED_FILE(test_real, "lua/test/real.lua");
EMBED_FILE(test_stand_ins, "lua/test/stand_ins.lua");
EMBED_FILE(test_test, "lua/test/test.lua");

static const struct {
	const char *name, *text, *end;
} files[] = {
	{ "answers", embedded_test_answers, embedded_test_answers_end },
	{ "compare", embedded_test_compare, embedded_test_compare_end },
	{ "fakes", embedded_test_fakes, embedded_test_fakes_end },
	{ "real", embedded_test_real, embedded_test_real_end },
	{ "stand_ins", embedded_test_stand_ins, embedded_test_stand_ins_end },
	{ "test", embedded_test_test, embedded_test_test_end },
};

const char *hook_test_text(const char *name, size_t *len)
{
	size_t i = 0;

	while (i < ARRAY_LEN(files) && strcmp(files[i].name, name) != 0)
		i++;
	assert(i < ARRAY_LEN(files));
	*len = (size_t)(files[i].end - files[i].text);
	return files[i].text;
}
