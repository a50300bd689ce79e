/* script/script_question.h - a script that is asked: its chunk returns a function, which takes one value and answers.
 *
 * For a pure state (script.h). The function stays in the state and is called once a question; what it gets and what it
 * answers are plain values, as JSON has them. A text that is no UTF-8 goes in as format/json.h writes it and arrives as
 * its bytes; null arrives as nil.
 */
#pragma once

#include "script/script.h"

#include <jansson.h>

#define SCRIPT_ANSWERS	  2    /* values of an answer that are looked at */
#define SCRIPT_ANSWER_MAX 1000 /* bytes of a text; the rest is cut off */

struct script_answer {
	bool ended; /* by the deadline, or for want of memory: nothing more can be asked */
	/* On success SCRIPT_ANSWERS values, null for those that are missing; what JSON has no word for is an object
	 * with its Lua type: {"type":"table"}. Owned. */
	json_t *values;
	char where[320];    /* where the function begins: "scripts/overwrite.lua:3", or the script's name */
	char message[1024]; /* "": it went well; else one or more lines, "scripts/overwrite.lua:4: ..." */
};
void script_answer_done(struct script_answer *a);

/* Run the chunk TEXT, called NAME in messages, which must return a function. 0: it can be asked; -1: OUT says why not.
 * NAME must live as long as S. Both calls end at DEADLINE_MS (proc_cpu_ms(0)). OUT: script_answer_done(). */
int script_question_load(struct script *s, const char *text, size_t len, const char *name, int64_t deadline_ms,
			 struct script_answer *out);
int script_question_ask(struct script *s, const json_t *question, int64_t deadline_ms, struct script_answer *out);
