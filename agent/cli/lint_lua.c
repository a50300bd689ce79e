/* cli/lint_lua.c - see lint_lua.h. */
#include "cli/lint_lua.h"

#include "cli/worker_words.h"
#include "lifecycle/hook_language.h"
#include "util/auto.h"
#include "util/str.h"

#include <jansson.h>

#define MAX_SCRIPTS 1000 /* an argv has its limits; of more than that preflight tells */
#define MAX_ANSWER  (4u * 1024 * 1024)

struct scripts {
	const char *words[MAX_SCRIPTS + 2]; /* "--compile", locations, NULL */
	struct appspec_place places[MAX_SCRIPTS];
	size_t count;
};

static void add(struct scripts *s, const char *location, struct appspec_place place)
{
	if (s->count == MAX_SCRIPTS)
		return;
	s->words[1 + s->count] = location;
	s->places[s->count++] = place;
}

static void collect(struct scripts *s, const struct appspec *a, int dir_fd)
{
	s->words[0] = "--compile";
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++) {
			const struct appspec_script *script = &a->hooks[i].scripts[k];

			if (!script->use && hook_is_written_in_lua(dir_fd, script->location))
				add(s, script->location, script->place);
		}
	for (size_t i = 0; i < a->overwrite_count; i++)
		if (a->overwrites[i].policy)
			add(s, a->overwrites[i].policy, a->overwrites[i].place);
}

static void take_answer(const struct scripts *s, const json_t *answer, struct findings *f)
{
	size_t i;
	json_t *what;

	json_array_foreach(answer, i, what)
	{
		if (json_is_string(what) && i < s->count)
			findings_add(f, FINDING_ERROR, s->places[i], "the script '%s' cannot be compiled: %s",
				     s->words[1 + i], json_string_value(what));
	}
}

void lint_lua(const struct appspec *a, int dir_fd, struct findings *f)
{
	AUTO_FREE struct scripts *s = xcalloc(1, sizeof(*s));
	AUTO(str_done) struct str text = STR_INIT(MAX_ANSWER);
	struct err err = ERR_INIT;

	collect(s, a, dir_fd);
	if (!s->count)
		return;

	int status = worker_words(s->words, dir_fd, &text, &err);
	json_t *answer = status ? NULL : json_loadb(str_text(&text), text.len, 0, NULL);

	if (json_array_size(answer) == s->count)
		take_answer(s, answer, f);
	else
		findings_add(f, FINDING_WARNING, (struct appspec_place){ 0 }, "scripts in Lua were not compiled: %s",
			     err.kind ? err.msg : "the worker that was to do it failed");
	json_decref(answer);
}
