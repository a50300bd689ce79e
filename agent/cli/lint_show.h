/* cli/lint_show.h - findings on the screen, as a good compiler shows them: place, message, the line, a caret. */
#pragma once

#include "appspec/appspec.h"
#include "util/str.h"

#include <stdio.h>

/* NAME: of the appspec; TEXT: its bytes, for the lines to be shown. The last line is a summary. */
void lint_show_text(FILE *to, const char *name, struct span text, const struct findings *f, bool ok);
/* To stdout; A may be NULL. A finding with a line has it as "source", as it is shown. */
void lint_show_json(bool ok, const struct appspec *a, struct span text, const struct findings *f);
void lint_show_failure(const char *command, const struct err *err); /* to stderr */
