/* lifecycle/policy_child.c - the child's side of a policy process: read a line, ask a script, write a line. */
#include "lifecycle/policy_process.h"

#include "format/json.h"
#include "script/script_question.h"
#include "util/auto.h"
#include "util/proc.h"
#include "util/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct loaded {
	struct script *script;
	char *name, *text;
};

struct policy_child {
	struct loaded scripts[POLICY_SCRIPTS];
	unsigned count;
};

static void child_done(struct policy_child *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		script_free(c->scripts[i].script);
		free(c->scripts[i].name);
		free(c->scripts[i].text);
	}
}

static int64_t deadline(void)
{
	return proc_cpu_ms(0) + POLICY_ANSWER_MS;
}

static json_t *answer_json(const struct script_answer *a)
{
	if (!a->message[0])
		return json_pack("{s:o, s:O*}", "where", jtext(a->where), "values", a->values);
	return json_pack("{s:o, s:o, s:b}", "where", jtext(a->where), "error", jtext(a->message), "ended", a->ended);
}

static json_t *failure(const char *text)
{
	return json_pack("{s:s, s:o, s:b}", "where", "", "error", jtext(text), "ended", true);
}

static json_t *load(struct policy_child *c, const json_t *json)
{
	const struct script_options options = {
		.pure = true, .memory_max = POLICY_MEMORY, .bundle_fd = -1, .library_fd = -1
	};
	AUTO(script_answer_done) struct script_answer answer = { 0 };
	struct err err = ERR_INIT;
	struct jobject o;

	if (c->count == POLICY_SCRIPTS)
		return failure("too many scripts");

	struct loaded *l = &c->scripts[c->count++];

	if (jobject_open(json, "script", &o, &err) < 0 || jobject_need_string(&o, "name", 4096, &l->name, &err) < 0 ||
	    jobject_need_string(&o, "text", POLICY_MAX_SOURCE, &l->text, &err) < 0 ||
	    script_new(&options, &l->script, &err) < 0)
		return failure(err.msg);
	(void)script_question_load(l->script, l->text, strlen(l->text), l->name, deadline(), &answer);
	return answer_json(&answer);
}

static json_t *ask(struct policy_child *c, const json_t *request)
{
	AUTO(script_answer_done) struct script_answer answer = { 0 };
	json_int_t number = json_integer_value(json_object_get(request, "ask"));

	if (number < 0 || number >= c->count || !c->scripts[number].script)
		return failure("no such script");
	(void)script_question_ask(c->scripts[number].script, json_object_get(request, "question"), deadline(), &answer);
	return answer_json(&answer);
}

/* -1: nobody listens any more. */
static int reply(json_t *json)
{
	AUTO_FREE char *line = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return line && printf("%s\n", line) > 0 && fflush(stdout) == 0 ? 0 : -1;
}

bool policy_process_is_call(char **argv)
{
	return !strcmp(argv[0], POLICY_CALL);
}

int policy_process_main(char **argv, char **environment)
{
	AUTO(child_done) struct policy_child c = { .count = 0 };
	AUTO_FREE char *line = NULL;
	size_t capacity = 0;
	int r = 0;

	(void)argv, (void)environment;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* one belt more: no script can call anything anyway */
	while (r == 0 && getline(&line, &capacity, stdin) > 0) {
		json_t *request = json_loads(line, 0, NULL);
		const json_t *script = json_object_get(request, "load");

		r = reply(script ? load(&c, script) : ask(&c, request));
		json_decref(request);
	}
	return 0;
}
