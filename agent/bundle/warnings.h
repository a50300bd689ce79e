/* bundle/warnings.h - what is odd about a bundle but no reason to refuse it. Bounded: a bundle may have a million. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WARNINGS_MAX 100

struct warnings {
	char **items; /* owned, `count` of them */
	size_t count;
	uint64_t left_out; /* how many more there were */
};

void warnings_add(struct warnings *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Moves those of FROM behind those of W; FROM is empty afterwards. */
void warnings_move(struct warnings *w, struct warnings *from);
/* As a NULL-terminated list, with a last line that counts those left out; the caller frees it and its texts. */
char **warnings_list(const struct warnings *w);
void warnings_done(struct warnings *w);
