/* cli/ready_view.h - ready-made hooks on the screen. */
#pragma once

#include "util/err.h"

/* Names and summaries of all. */
int ready_view_list(struct err *err);
/* What the hook NAME does and takes. ERR_USAGE: there is none of that name. */
int ready_view_show(const char *name, struct err *err);
