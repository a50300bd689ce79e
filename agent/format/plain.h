/* format/plain.h - what strangers wrote (hook output, file names, messages), made fit for a terminal and a document. */
#pragma once

#include "util/str.h"

/* Append LEN bytes without their terminal escape sequences (ECMA-48: CSI, OSC and their kin); lines and tabs stay,
 * other control characters and bytes that are no UTF-8 become \xNN. -1: OUT is full. */
int plain_append(struct str *out, const char *bytes, size_t len);
/* The same as a new string, cut at MAX bytes of BYTES; the caller frees it. */
char *plain_text(const char *bytes, size_t max);
/* PATH on one line: nothing is removed, whatever is not printable becomes \xNN. The caller frees it. */
char *plain_path(const char *path);
/* PATH as a word for the shell, quoted when it must be; control characters as $'..' writes them. */
char *plain_shell_word(const char *path);
