/* cli/human.h - times and tables for people. Pure but for printing. */
#pragma once

#include "util/str.h"

#include <stdint.h>
#include <stdio.h>

#define HUMAN_MAX 64

/* "0.21 s", "42 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
void human_duration(int64_t ms, char out[HUMAN_MAX]);
/* "now", "42 s ago", "3 min ago", "5 h ago", "4 d ago"; "-" for a time that is none. Milliseconds since 1970. */
void human_age(int64_t then_ms, int64_t now_ms, char out[HUMAN_MAX]);
/* "2026-11-22 20:11:00" of this machine's clock; "-" for a time that is none. */
void human_time(int64_t ms, char out[HUMAN_MAX]);
/* Milliseconds since 1970 of "2026-11-22T20:11:00.000Z" (RFC 3339, UTC); 0: TEXT is NULL or no such time. */
int64_t human_time_from(const char *text);
int64_t human_now_ms(void); /* since 1970 */

/* Lines of cells that stand below one another. */
#define TABLE_COLUMNS 10
struct table {
	char ***rows; /* TABLE_COLUMNS cells each, NULL: none */
	size_t count;
};
/* A row of cells up to the first NULL, which is given; they are copied and made printable. */
void table_add(struct table *t, ...) __attribute__((sentinel));
void table_print(const struct table *t, const char *indent, FILE *to);
void table_done(struct table *t);
