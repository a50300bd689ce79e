/* util/nearest.c - edit distance with swapped neighbours (optimal string alignment), on short words only. */
#include "util/nearest.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 40

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[LONGEST + 1][LONGEST + 1];

	for (size_t i = 0; i <= a_len; i++) {
		for (size_t k = 0; k <= b_len; k++) {
			if (!i || !k) {
				rows[i][k] = (unsigned)(i + k);
				continue;
			}

			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[k - 1]);
			unsigned n = rows[i - 1][k - 1] + (x != y);

			n = least(n, least(rows[i - 1][k], rows[i][k - 1]) + 1);
			if (i > 1 && k > 1 && x == tolower((unsigned char)b[k - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				n = least(n, rows[i - 2][k - 2] + 1);
			rows[i][k] = n;
		}
	}
	return rows[a_len][b_len];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
	size_t len = strlen(word);
	unsigned allowed = len < 4 ? 0 : len < 8 ? 1 : 2;
	const char *best = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t name_len = strlen(names[i]);

		if (!len || len > LONGEST || name_len > LONGEST || !strcmp(word, names[i]))
			continue;

		unsigned d = distance(word, len, names[i], name_len);

		if (d > allowed)
			continue;
		allowed = d ? d - 1 : 0; /* only a nearer one replaces it */
		best = names[i];
		if (!d)
			break;
	}
	return best;
}
