/* Secrets in texts: found wherever they are, and never half shown. */
#include "util/auto.h"
#include "util/mask.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(struct mask *m, const char *secret)
{
	assert_int_equal(1, mask_add(m, secret, strlen(secret)));
}

static const struct {
	const char *why, *secrets[3], *text, *want;
} cases[] = {
	{ "nothing is secret", { NULL }, "hunter22", "hunter22" },
	{ "not there", { "hunter22" }, "hunter 22", "hunter 22" },
	{ "all of it", { "hunter22" }, "hunter22", "***" },
	{ "several", { "hunter22" }, "a hunter22 b hunter22", "a *** b ***" },
	{ "side by side they are one", { "hunter22" }, "(hunter22hunter22)", "(***)" },
	{ "overlapping itself", { "abab" }, "xabababx", "x***x" },
	{ "two that overlap", { "abcdef", "defghi" }, "-abcdefghi-", "-***-" },
	{ "one in another", { "token", "my-token-is" }, "my-token-is, token", "***, ***" },
	{ "a beginning is not it", { "hunter22" }, "hunter2", "hunter2" },
	{ "an empty text", { "hunter22" }, "", "" },
	{ "stars", { "****" }, "a****b", "a***b" },
};

static void secrets_become_stars(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(mask_done) struct mask m = { 0 };
		AUTO_FREE char *text = xstrdup(cases[i].text);

		print_message("  %s\n", cases[i].why);
		for (size_t k = 0; k < 3 && cases[i].secrets[k]; k++)
			add(&m, cases[i].secrets[k]);
		mask_hide_string(&m, text);
		assert_string_equal(cases[i].want, text);
	}
}

/* What has been said in the header, in so many words. */
static size_t hide_slowly(const struct mask *m, const char *text, size_t len, char *out)
{
	char hidden[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		for (size_t at = 0; at + m->items[i].len <= len; at++)
			if (!memcmp(text + at, m->items[i].bytes, m->items[i].len))
				memset(hidden + at, 1, m->items[i].len);
	for (size_t i = 0; i < len; i++)
		if (!hidden[i])
			out[n++] = text[i];
		else if (i == 0 || !hidden[i - 1])
			n += (size_t)sprintf(out + n, MASK_MARK);
	return n;
}

static void put_letters(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = random() % 4 ? 'a' : 'b';
}

static void texts_that_repeat_themselves_are_searched_in_full(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		AUTO(mask_done) struct mask m = { 0 };
		char secret[8], text[64], slowly[sizeof(text)];

		for (int i = 0; i < 3; i++) {
			size_t len = 4 + (size_t)random() % (sizeof(secret) - 3);

			put_letters(secret, len);
			(void)mask_add(&m, secret, len);
		}
		put_letters(text, sizeof(text));

		size_t n = hide_slowly(&m, text, sizeof(text), slowly);

		assert_int_equal(n, mask_hide(&m, text, sizeof(text)));
		assert_memory_equal(slowly, text, n);
	}
}

/* Place by place and byte by byte this would be at it for minutes; and a worker with it. */
static void secrets_that_are_everywhere_take_no_longer(void **state)
{
	(void)state;
	AUTO(mask_done) struct mask m = { 0 };
	const size_t len = 64 * 1024;
	AUTO_FREE char *text = xmalloc(len);

	memset(text, 'a', len);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(1, mask_add(&m, text, MASK_MAX - i));
	assert_int_equal(MASK_MAX - 1, mask_partial(&m, text, len));
	assert_int_equal(3, mask_hide(&m, text, len));
}

static void bytes_of_any_kind_can_be_secret(void **state)
{
	(void)state;
	AUTO(mask_done) struct mask m = { 0 };
	char text[] = "a\0\xff\xfe\0\x01z";

	assert_int_equal(1, mask_add(&m, "\0\xff\xfe\0", 4));
	assert_int_equal(6, mask_hide(&m, text, 7));
	assert_memory_equal("a***\x01z", text, 6);
}

static void too_short_too_long_and_known_ones_are_passed_over(void **state)
{
	(void)state;
	AUTO(mask_done) struct mask m = { 0 };
	AUTO_FREE char *large = xcalloc(1, MASK_MAX + 1);

	assert_int_equal(0, mask_add(&m, "abc", 3));
	assert_int_equal(0, mask_add(&m, large, MASK_MAX + 1));
	assert_int_equal(1, mask_add(&m, large, MASK_MAX));
	add(&m, "abcd");
	assert_int_equal(0, mask_add(&m, "abcd", 4));
	assert_int_equal(2, m.count);
}

static void there_is_an_end_to_them(void **state)
{
	(void)state;
	AUTO(mask_done) struct mask m = { 0 };
	char text[32];

	for (int i = 0; i < MASK_MAX_COUNT; i++) {
		(void)snprintf(text, sizeof(text), "secret %d", i);
		add(&m, text);
	}
	assert_int_equal(-1, mask_add(&m, "one more", 8));
	assert_int_equal(0, mask_add(&m, "secret 7", 8)); /* that one is hidden */
}

static void of_a_text_that_was_cut_the_beginning_of_a_secret_is_known(void **state)
{
	(void)state;
	AUTO(mask_done) struct mask m = { 0 };

	assert_int_equal(0, mask_partial(&m, "hunter", 6));
	add(&m, "hunter22");
	add(&m, "terrible");
	assert_int_equal(6, mask_partial(&m, "a hunter", 8));
	assert_int_equal(2, mask_partial(&m, "a wate", 6));
	assert_int_equal(0, mask_partial(&m, "hunter22", 8)); /* whole: mask_hide() sees it */
	assert_int_equal(0, mask_partial(&m, "a b", 3));
	assert_int_equal(1, mask_partial(&m, "h", 1));
	assert_int_equal(0, mask_partial(&m, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_become_stars),
		cmocka_unit_test(texts_that_repeat_themselves_are_searched_in_full),
		cmocka_unit_test(secrets_that_are_everywhere_take_no_longer),
		cmocka_unit_test(bytes_of_any_kind_can_be_secret),
		cmocka_unit_test(too_short_too_long_and_known_ones_are_passed_over),
		cmocka_unit_test(there_is_an_end_to_them),
		cmocka_unit_test(of_a_text_that_was_cut_the_beginning_of_a_secret_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
