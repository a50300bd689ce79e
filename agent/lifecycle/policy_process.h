/* lifecycle/policy_process.h - the process in which Lua decides: overwrite policies of a bundle, the policy of the
 * host.
 *
 * A child of the zygote (ZYGOTE_CALL), so nothing of the worker can reach it; as the user nobody when the agent is
 * root. Its scripts are pure (script.h): the worker reads the files and sends their text, and the child opens nothing.
 * It is asked by lines of JSON over one socket, which is its standard input and output:
 *     {"load":{"name":N,"text":T}}		   the scripts are numbered from 0 in this order
 *     {"ask":NUMBER,"question":Q}		   call the function that script has returned with Q
 * and answers each with {"where":"N:line","values":[V,V]} (script_question.h) or {"where":W,"error":TEXT,"ended":B}.
 * Each line has POLICY_ANSWER_MS of processor time, all together have POLICY_TOTAL_MS, each script POLICY_MEMORY: the
 * scripts cannot wait for anything, and a host that is busy must not make them fail. Who takes longer, or answers
 * nonsense, is killed and asked no more: every later question fails with the same words. It holds the zygote: no hook
 * can be started until policy_process_free().
 * Source: PRODUCT section 4 "Overwrite policy"; spec/reliability-security.md P14.
 */
#pragma once

#include "lifecycle/zygote.h"

#include <jansson.h>
#include <stdbool.h>

#define POLICY_MEMORY	  (16u * 1024 * 1024)
#define POLICY_ANSWER_MS  1000
#define POLICY_TOTAL_MS	  10000
#define POLICY_WAIT_MS	  15000 /* by the clock, for an answer of a child that hardly runs at all */
#define POLICY_SCRIPTS	  16
#define POLICY_MAX_SOURCE (256u * 1024)
#define POLICY_CALL	  "policy" /* argv[0] of such a child; that of a hook is a path */

struct policy_process;

struct policy_answer_values {
	json_t *values;	 /* two of them, owned */
	char where[320]; /* the place of the function: "scripts/overwrite.lua:3" */
};

/* The caller owns OUT: policy_process_free(). Z is borrowed. */
int policy_process_start(struct zygote *z, struct policy_process **out, struct err *err);
void policy_process_free(struct policy_process *p); /* NULL is fine; the child is gone when this returns */

/* NAME is what messages call the script. 0: *NUMBER is its number. ERR_SCRIPT_FAILED names script and line, also for
 * what went wrong with the process. */
int policy_process_load(struct policy_process *p, const char *name, const char *text, size_t len, unsigned *number,
			struct err *err);
/* Takes the reference QUESTION. 0: OUT's values are the caller's to json_decref(). */
int policy_process_ask(struct policy_process *p, unsigned number, json_t *question, struct policy_answer_values *out,
		       struct err *err);

bool policy_process_is_over(const struct policy_process *p); /* nothing will be answered any more */
pid_t policy_process_pid(const struct policy_process *p);    /* 0: it is gone */

/* The zygote_call: what the child does. */
bool policy_process_is_call(char **argv);
int policy_process_main(char **argv, char **environment);
