/* What a Lua script tells its worker through a pipe: read back, cut, and never believed. */
#include "lifecycle/hook_report.h"
#include "lifecycle/zygote.h"
#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct channel {
	struct hook_report report;
	struct mask mask;
	int in;
};

static void channel_init(struct channel *c)
{
	int ends[2];

	assert_int_equal(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	*c = (struct channel){ .report.mask = &c->mask,
			       .report.fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 10), /* ZYGOTE_REPORT_FD stays free */
			       .in = fcntl(ends[1], F_DUPFD_CLOEXEC, 10) };
	assert_true(c->report.fd >= 0 && c->in >= 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void channel_done(struct channel *c)
{
	(void)close(c->report.fd);
	(void)close(c->in);
	mask_done(&c->mask);
}

/* Write BYTES and read them back. */
static bool tell(struct channel *c, const void *bytes, size_t len)
{
	assert_int_equal((ssize_t)len, write(c->in, bytes, len));
	return hook_report_read(&c->report);
}

#define TELL(c, literal) tell(c, literal, sizeof(literal) - 1)

static void the_newest_text_counts_and_only_another_one_is_news(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;

	channel_init(&c);
	assert_false(hook_report_read(&c.report)); /* nothing there, and nobody waits */
	assert_true(TELL(&c, "done\0dtwo\0"));
	assert_string_equal("two", c.report.doing);
	assert_false(TELL(&c, "dtwo\0"));
	assert_false(TELL(&c, "dth"));
	assert_true(TELL(&c, "ree\0"));
	assert_string_equal("three", c.report.doing);
	assert_true(TELL(&c, "d\0mit failed\0aturn it on\0"));
	assert_string_equal("", c.report.doing);
	assert_string_equal("it failed", c.report.message);
	assert_string_equal("turn it on", c.report.action);
}

static void what_no_script_of_ours_says_does_no_harm(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;
	char large[3 * HOOK_REPORT_MAX];

	channel_init(&c);
	assert_false(TELL(&c, "\0\0\0xyz\0\xff\xfe\0"));
	assert_true(TELL(&c, "da\nb\033[2J\x01"
			     "c\0"));
	assert_string_equal("a b [2J c", c.report.doing);

	memset(large, 'd', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	assert_true(tell(&c, large, sizeof(large)));
	assert_int_equal(HOOK_DOING_MAX - 1, strlen(c.report.doing));
	assert_false(tell(&c, large, sizeof(large)));
	large[0] = 'm';
	assert_false(tell(&c, large, sizeof(large)));
	assert_int_equal(HOOK_REPORT_MAX - 2, strlen(c.report.message));
	assert_true(TELL(&c, "dstill there\0"));
	assert_string_equal("still there", c.report.doing);
}

static void a_secret_is_hidden_in_all_that_comes_behind_it(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;
	AUTO_FREE char *large = xcalloc(1, 2 * MASK_MAX);

	channel_init(&c);
	assert_false(TELL(&c, "shunter22\0shun\ter\0sabc\0s\0"));
	assert_int_equal(2, c.mask.count);
	assert_true(TELL(&c, "dlogin with hunter22\0mno hunter22 here\0athink of hun\ter\0"));
	assert_string_equal("login with ***", c.report.doing);
	assert_string_equal("no *** here", c.report.message);
	assert_string_equal("think of ***", c.report.action);
	assert_false(TELL(&c, "dlogin with hunter22\0")); /* what is the same without it is no news */

	memset(large, 'x', 2 * MASK_MAX);
	large[0] = 's';
	assert_false(tell(&c, large, 2 * MASK_MAX));
	assert_false(TELL(&c, "\0"));
	assert_int_equal(2, c.mask.count); /* no script of ours would say so much */
	assert_false(c.report.too_many);
}

static void more_secrets_than_can_be_are_noticed(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;
	char text[32];

	channel_init(&c);
	for (int i = 0; i <= MASK_MAX_COUNT; i++) {
		assert_false(c.report.too_many);
		(void)snprintf(text, sizeof(text), "ssecret %d", i);
		assert_false(tell(&c, text, strlen(text) + 1));
	}
	assert_true(c.report.too_many);
}

/* Hand the worker's end to another thread, which begins to read when the pipe is full. */
static void *read_late(void *report)
{
	struct pollfd none = { 0 };

	(void)poll(&none, 0, 50);
	for (int i = 0; i < 2000 && ((struct hook_report *)report)->mask->count < 10; i++) {
		(void)hook_report_read(report);
		(void)poll(&none, 0, 5);
	}
	return NULL;
}

static void a_secret_waits_until_the_worker_reads(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;
	AUTO_FD int before = fcntl(ZYGOTE_REPORT_FD, F_DUPFD_CLOEXEC, 10);
	volatile sig_atomic_t stop = 1;
	struct hook_reporter r;
	char secret[MASK_MAX];
	pthread_t thread;

	channel_init(&c);
	assert_int_equal(ZYGOTE_REPORT_FD, dup2(c.in, ZYGOTE_REPORT_FD));
	hook_reporter_init(&r);
	r.stop = &stop;
	memset(secret, 'x', sizeof(secret));
	while (hook_reporter_secret(&r, secret, sizeof(secret)) == 0)
		; /* full: and who is told to end does not wait */
	r.stop = NULL;
	assert_int_equal(0, pthread_create(&thread, NULL, read_late, &c.report));
	for (int i = 0; i < 10; i++) {
		secret[0] = (char)('a' + i);
		assert_int_equal(0, hook_reporter_secret(&r, secret, sizeof(secret)));
	}
	assert_int_equal(0, pthread_join(thread, NULL));
	assert_in_range(c.mask.count, 10, 12); /* and the one before, which may be torn */
	(void)close(ZYGOTE_REPORT_FD);
	hook_reporter_init(&r);
	assert_int_equal(0, hook_reporter_secret(&r, secret, sizeof(secret))); /* nobody asked */
	if (before >= 0)
		(void)dup2(before, ZYGOTE_REPORT_FD);
}

/* The number is the zygote's, so whatever has it here makes room meanwhile. */
static void a_script_says_it_in_time_and_not_too_often(void **state)
{
	(void)state;
	AUTO(channel_done) struct channel c;
	AUTO_FD int before = fcntl(ZYGOTE_REPORT_FD, F_DUPFD_CLOEXEC, 10);
	struct hook_reporter r;
	char large[2 * HOOK_REPORT_MAX] = { 0 };

	channel_init(&c);
	assert_int_equal(ZYGOTE_REPORT_FD, dup2(c.in, ZYGOTE_REPORT_FD));
	hook_reporter_init(&r);
	assert_true(r.asked);
	hook_reporter_doing(&r, "");
	assert_false(hook_report_read(&c.report)); /* there was nothing to take back */
	hook_reporter_doing(&r, "one");
	r.shown_ms += 3600000; /* however slow this machine is */
	hook_reporter_doing(&r, "too early");
	assert_true(hook_report_read(&c.report));
	assert_string_equal("one", c.report.doing);
	hook_reporter_doing(&r, "");
	assert_true(hook_report_read(&c.report));
	assert_string_equal("", c.report.doing);

	memset(large, 'x', sizeof(large) - 1);
	r.shown_ms -= 3600000 + HOOK_DOING_PAUSE_MS;
	hook_reporter_doing(&r, large);
	hook_reporter_failed(&r, large, "");
	assert_true(hook_report_read(&c.report));
	assert_int_equal(HOOK_DOING_MAX - 2, strlen(c.report.doing));
	assert_int_equal(HOOK_REPORT_MAX - 2, strlen(c.report.message));
	assert_string_equal("", c.report.action);
	(void)close(ZYGOTE_REPORT_FD);
	hook_reporter_init(&r);
	assert_false(r.asked);
	hook_reporter_doing(&r, "nobody asked");
	if (before >= 0)
		(void)dup2(before, ZYGOTE_REPORT_FD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_text_counts_and_only_another_one_is_news),
		cmocka_unit_test(what_no_script_of_ours_says_does_no_harm),
		cmocka_unit_test(a_secret_is_hidden_in_all_that_comes_behind_it),
		cmocka_unit_test(more_secrets_than_can_be_are_noticed),
		cmocka_unit_test(a_secret_waits_until_the_worker_reads),
		cmocka_unit_test(a_script_says_it_in_time_and_not_too_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
