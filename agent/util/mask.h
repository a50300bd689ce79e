/* util/mask.h - texts that nobody may see, and three stars in their place.
 *
 * A secret is looked for as it is written, byte by byte: in another spelling (quoted, in base64) it is not found.
 * Secrets that overlap or touch in a text become one mark. The mark is shorter than any secret, so texts only shrink.
 * Whoever prints may choose the secrets as well: for each of them, the time is that of reading the text twice, whatever
 * is in both (Knuth, Morris and Pratt 1977).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MASK_MARK      "***"
#define MASK_MIN       4     /* bytes; what is shorter stands everywhere */
#define MASK_MAX       16384 /* bytes of one */
#define MASK_MAX_COUNT 500

/* Zero-initialise; mask_done(). */
struct mask {
	struct mask_item {
		char *bytes;
		size_t len;
		uint16_t *shorter; /* of the first i + 1 bytes, how many at the end are a beginning, too */
	} * items;
	size_t count;
};
void mask_done(struct mask *m);

/* Copies. 1: it is new; 0: it is known, or not of MASK_MIN to MASK_MAX bytes; -1: there are too many. */
int mask_add(struct mask *m, const char *secret, size_t len);
/* Put the mark in place of every secret. Returns the length that TEXT has now; adds no NUL. */
size_t mask_hide(const struct mask *m, char *text, size_t len);
void mask_hide_string(const struct mask *m, char *text);
/* Of a text that was cut: how many bytes at its end may be the beginning of a secret? */
size_t mask_partial(const struct mask *m, const char *text, size_t len);
