/* control/answer.h - the last line of an answer: control/socket_protocol.h. All are new references. */
#pragma once

#include "util/err.h"

#include <jansson.h>

json_t *answer_done(void);					 /* {"done":true}, to be added to */
json_t *answer_error(const struct err *err, const char *action); /* ACTION NULL: nothing to say */
