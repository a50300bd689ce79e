/* control/answer.c - done, or why not. */
#include "control/answer.h"

#include "format/json.h"

json_t *answer_done(void)
{
	return json_pack("{s:b}", "done", 1);
}

json_t *answer_error(const struct err *err, const char *action)
{
	return json_pack("{s:b, s:{s:s, s:o, s:o, s:i}}", "done", 0, "error", "error_code", err_code(err->kind),
			 "message", jtext(err->msg), "action", jtext(action), "exit", err_exit_status(err->kind));
}
