/* util/mask.c - marks what is secret, then closes the gaps. */
#include "util/mask.h"

#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define MARK_LEN (sizeof(MASK_MARK) - 1)

_Static_assert(MARK_LEN < MASK_MIN, "a text must not grow");

void mask_done(struct mask *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->items[i].bytes);
		free(m->items[i].shorter);
	}
	free(m->items);
	*m = (struct mask){ 0 };
}

/* HAVE bytes of ITEM stand before C: how many do behind it? */
static size_t step(const struct mask_item *item, size_t have, char c)
{
	while (have && (have == item->len || item->bytes[have] != c))
		have = item->shorter[have - 1];
	return have + (item->bytes[have] == c);
}

static struct mask_item item_new(const char *secret, size_t len)
{
	struct mask_item item = { xmalloc(len), len, xcalloc(len, sizeof(*item.shorter)) };

	memcpy(item.bytes, secret, len);
	for (size_t i = 1; i < len; i++)
		item.shorter[i] = (uint16_t)step(&item, item.shorter[i - 1], secret[i]);
	return item;
}

int mask_add(struct mask *m, const char *secret, size_t len)
{
	if (len < MASK_MIN || len > MASK_MAX)
		return 0;
	for (size_t i = 0; i < m->count; i++)
		if (m->items[i].len == len && !memcmp(m->items[i].bytes, secret, len))
			return 0;
	if (m->count == MASK_MAX_COUNT)
		return -1;
	m->items = xrealloc(m->items, (m->count + 1) * sizeof(*m->items));
	m->items[m->count++] = item_new(secret, len);
	return 1;
}

/* Note every byte of ITEM's places in HIDDEN, which is made when it is needed. */
static void find(const struct mask_item *item, const char *text, size_t len, char **hidden)
{
	const char *first = memmem(text, len, item->bytes, item->len); /* in most texts there is none */
	size_t have = 0, noted = 0;

	if (first && !*hidden)
		*hidden = xcalloc(len, 1);
	for (size_t i = first ? (size_t)(first - text) : len; i < len; i++) {
		have = step(item, have, text[i]);
		if (have < item->len)
			continue;

		size_t from = i + 1 - item->len > noted ? i + 1 - item->len : noted;

		noted = i + 1;
		memset(*hidden + from, 1, noted - from);
	}
}

size_t mask_hide(const struct mask *m, char *text, size_t len)
{
	AUTO_FREE char *hidden = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		find(&m->items[i], text, len, &hidden);
	if (!hidden)
		return len;
	for (size_t i = 0; i < len; i++) {
		if (!hidden[i]) {
			text[n++] = text[i];
		} else if (i == 0 || !hidden[i - 1]) {
			memcpy(text + n, MASK_MARK, MARK_LEN);
			n += MARK_LEN;
		}
	}
	return n;
}

void mask_hide_string(const struct mask *m, char *text)
{
	text[mask_hide(m, text, strlen(text))] = '\0';
}

static size_t partial(const struct mask_item *item, const char *text, size_t len)
{
	size_t have = 0;

	for (size_t i = len > item->len - 1 ? len - (item->len - 1) : 0; i < len; i++)
		have = step(item, have, text[i]);
	return have;
}

size_t mask_partial(const struct mask *m, const char *text, size_t len)
{
	size_t longest = 0;

	for (size_t i = 0; i < m->count; i++) {
		size_t n = partial(&m->items[i], text, len);

		longest = n > longest ? n : longest;
	}
	return longest;
}
