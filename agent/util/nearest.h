/* util/nearest.h - what somebody may have meant. */
#pragma once

#include <stddef.h>

/* The one of NAMES that WORD is a slip of the keyboard away from (a letter more, less, other or swapped; two in longer
 * words; capitals do not count), or NULL. WORD itself is never an answer. */
const char *nearest_name(const char *word, const char *const *names, size_t count);
