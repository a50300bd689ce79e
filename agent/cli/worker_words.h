/* cli/worker_words.h - ask the worker program something that fits into its words, and read what it prints. */
#pragma once

#include "util/err.h"
#include "util/str.h"

/* Run the worker with WORDS (its argv from 1 on, NULL-terminated) in the folder DIR_FD (-1: ours); what it prints goes
 * into OUT, as much as fits. Returns its exit status; -1: it could not be started, or a signal has ended it. */
int worker_words(const char *const *words, int dir_fd, struct str *out, struct err *err);
