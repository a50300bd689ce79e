/* policy_stand_in.h - in place of lifecycle/policy_process.c, for the tests that fork in process: no zygote is here to
 * run a script in. Each answers that what stands in the way is to be kept beside it. To be included by the test itself.
 */
#pragma once

#include "lifecycle/policy_process.h"

int policy_process_start(struct zygote *z, struct policy_process **out, struct err *err)
{
	(void)z, (void)err;
	*out = NULL;
	return 0;
}

void policy_process_free(struct policy_process *p)
{
	(void)p;
}

int policy_process_load(struct policy_process *p, const char *name, const char *text, size_t len, unsigned *number,
			struct err *err)
{
	(void)p, (void)name, (void)text, (void)len, (void)err;
	*number = 0;
	return 0;
}

int policy_process_ask(struct policy_process *p, unsigned number, json_t *question, struct policy_answer_values *out,
		       struct err *err)
{
	(void)p, (void)number, (void)err;
	json_decref(question);
	out->values = json_pack("[s, n]", "backup");
	out->where[0] = '\0';
	return 0;
}

bool policy_process_is_over(const struct policy_process *p)
{
	(void)p;
	return false;
}
