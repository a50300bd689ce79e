/* tests/unit/test_gunzip.c - each library for gzip says the same about the same bytes. */
#include "bundle/gunzip.h"

#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <zlib.h>

enum { ROOM = 1 << 18 };

enum verdict { COMPLETE, CUT, DAMAGED };
static const char *const verdicts[] = { "complete", "cut short", "damaged" };

struct outcome {
	enum verdict verdict;
	const char *why;
	size_t consumed, len; /* LEN bytes of output came from CONSUMED bytes of input */
	unsigned char *out;
};

static void outcome_done(struct outcome *o)
{
	free(o->out);
}

/* How input comes and output goes: at most so many bytes at a time. */
struct pace {
	size_t in, out;
};
static const struct pace paces[] = { { ROOM, ROOM }, { 1, ROOM }, { ROOM, 1 }, { 7, 3 }, { 64, 1000 } };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One member, as bundle_stream.c reads it. */
static struct outcome unpack(const struct gunzip_backend *b, const unsigned char *bytes, size_t len, struct pace pace)
{
	struct outcome o = { .verdict = CUT, .why = "", .out = xmalloc(ROOM) };
	void *state = b->create();

	assert_non_null(state);
	for (;;) {
		struct gunzip_io io = { bytes + o.consumed, least(pace.in, len - o.consumed), o.out + o.len,
					least(pace.out, ROOM - o.len) };
		const struct gunzip_io before = io;

		assert_in_range(o.len, 0, ROOM - 1);

		int r = b->step(state, &io, &o.why);

		o.consumed += (size_t)(io.in - before.in);
		o.len += (size_t)(io.out - before.out);
		if (r != 0) {
			o.verdict = r > 0 ? COMPLETE : DAMAGED;
			break;
		}
		if (io.out_len && io.in == before.in && io.out == before.out) {
			assert_int_equal(io.in_len, 0); /* else it would never go on */
			break;
		}
	}
	b->destroy(state);
	return o;
}

/* Every backend at every pace unpacks all of CONTENT. */
static void all_unpack(const unsigned char *packed, size_t packed_len, const void *content, size_t len, size_t left)
{
	for (size_t i = 0; gunzip_backends[i]; i++) {
		for (size_t p = 0; p < ARRAY_LEN(paces); p++) {
			AUTO(outcome_done) struct outcome o = unpack(gunzip_backends[i], packed, packed_len, paces[p]);

			if (o.verdict != COMPLETE)
				fail_msg("%s: %s (%s)", gunzip_backends[i]->name, verdicts[o.verdict], o.why);
			assert_int_equal(o.consumed, packed_len - left);
			assert_int_equal(o.len, len);
			assert_memory_equal(o.out, content, len);
		}
	}
}

/* What is good so far is never called damaged. */
static void all_miss_the_rest(const unsigned char *packed, size_t len, const char *what)
{
	for (size_t i = 0; gunzip_backends[i]; i++) {
		AUTO(outcome_done)
		struct outcome o = unpack(gunzip_backends[i], packed, len, paces[len % ARRAY_LEN(paces)]);

		if (o.verdict != CUT)
			fail_msg("%s cut at %zu: %s says %s (%s)", what, len, gunzip_backends[i]->name,
				 verdicts[o.verdict], o.why);
	}
}

/* With one bit flipped zlib unpacks CONTENT, or nothing that counts; then so does everyone. One thing is up to them:
 * ISA-L passes over a code with gaps when nothing uses them, and length and CRC are right. Nor does it matter whether
 * nonsense is damaged or has no end. 1: LENIENT, all but zlib unpacked it. */
static int all_agree(const unsigned char *packed, size_t packed_len, const void *content, size_t len, const char *what,
		     size_t bit, size_t *same)
{
	AUTO(outcome_done) struct outcome want = unpack(&gunzip_zlib, packed, packed_len, paces[0]);
	int lenient = 0;

	*same += want.verdict == COMPLETE;
	for (size_t i = 0; gunzip_backends[i]; i++) {
		AUTO(outcome_done)
		struct outcome o = unpack(gunzip_backends[i], packed, packed_len, paces[bit % ARRAY_LEN(paces)]);

		if (o.verdict == COMPLETE && (o.len != len || memcmp(o.out, content, len) != 0))
			fail_msg("%s, bit %zu: %s unpacks something else", what, bit, gunzip_backends[i]->name);
		if (o.verdict != COMPLETE && want.verdict == COMPLETE)
			fail_msg("%s, bit %zu: %s says %s (%s), zlib takes it", what, bit, gunzip_backends[i]->name,
				 verdicts[o.verdict], o.why);
		if (o.verdict == COMPLETE && want.verdict != COMPLETE) {
			if (strncmp(want.why, "invalid ", 8) != 0 || !strstr(want.why, " set"))
				fail_msg("%s, bit %zu: %s takes it, zlib says %s (%s)", what, bit,
					 gunzip_backends[i]->name, verdicts[want.verdict], want.why);
			lenient = 1;
		}
	}
	return lenient;
}

/* A member as zlib packs it at LEVEL and with STRATEGY, with HEADER unless it is NULL. */
static size_t pack(const void *bytes, size_t len, int level, int strategy, gz_header *header, unsigned char *out)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, strategy), Z_OK);
	if (header)
		assert_int_equal(deflateSetHeader(&z, header), Z_OK);
	z.next_in = (unsigned char *)bytes;
	z.avail_in = (unsigned)len;
	z.next_out = out;
	z.avail_out = ROOM;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return ROOM - z.avail_out;
}

/* Half of it like random, half like text, with repetitions near and far. */
static unsigned char *make_content(size_t len)
{
	unsigned char *bytes = xmalloc(len + 1);
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (i / 700) % 2 ? (unsigned char)(x >> 24) : (unsigned char)("etaoin shrdlu"[(x >> 28) % 13]);
		if (i > 30000 && (i / 300) % 3 == 0)
			bytes[i] = bytes[i - 29999];
	}
	return bytes;
}

static const struct {
	const char *why;
	int level, strategy;
} ways[] = {
	{ "stored", 0, Z_DEFAULT_STRATEGY }, { "fast", 1, Z_DEFAULT_STRATEGY },	  { "small", 9, Z_DEFAULT_STRATEGY },
	{ "fixed codes", 6, Z_FIXED },	     { "codes only", 6, Z_HUFFMAN_ONLY }, { "runs", 6, Z_RLE },
};

static void what_is_packed_comes_out(void **state)
{
	static const size_t sizes[] = { 0, 1, 5, 700, 32768, 200000 };
	AUTO_FREE unsigned char *packed = xmalloc(ROOM);
	AUTO_FREE unsigned char *content = make_content(200000);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways) * ARRAY_LEN(sizes); i++) {
		size_t w = i / ARRAY_LEN(sizes), size = sizes[i % ARRAY_LEN(sizes)];
		size_t len = pack(content, size, ways[w].level, ways[w].strategy, NULL, packed);

		print_message("  %s, %zu bytes\n", ways[w].why, size);
		all_unpack(packed, len, content, size, 0);
		memset(packed + len, 0x1f, 100); /* what follows a member is left for the caller */
		all_unpack(packed, len + 100, content, size, 100);
	}
}

/* PACKED cut at every STEPth place, and with every STEPth bit flipped. */
static void torment(unsigned char *packed, size_t packed_len, const void *content, size_t len, size_t step,
		    const char *what)
{
	size_t same = 0, lenient = 0;

	for (size_t cut = 0; cut < packed_len; cut += step)
		all_miss_the_rest(packed, cut, what);
	for (size_t bit = 0; bit < packed_len * 8; bit += step) {
		packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
		lenient += (size_t)all_agree(packed, packed_len, content, len, what, bit, &same);
		packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	print_message("  %s, %zu bytes: %zu flipped bits make no difference, %zu none but to zlib\n", what, packed_len,
		      same, lenient);
}

static void damage_is_found_alike(void **state)
{
	AUTO_FREE unsigned char *packed = xmalloc(ROOM);
	AUTO_FREE unsigned char *content = make_content(60000);

	(void)state;
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		size_t len = pack(content, 900, ways[w].level, ways[w].strategy, NULL, packed);

		torment(packed, len, content, 900, 11, ways[w].why);
		len = pack(content, 60000, ways[w].level, ways[w].strategy, NULL, packed);
		torment(packed, len, content, 60000, 20011, ways[w].why);
	}
}

static void every_field_of_the_header_is_known(void **state)
{
	static unsigned char extra[3000], name[300], comment[700];
	AUTO_FREE unsigned char *packed = xmalloc(ROOM);

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(comment, 'c', sizeof(comment) - 1);
	for (unsigned fields = 0; fields < 32; fields++) {
		gz_header h = { .text = fields & 1,
				.time = 1700000000,
				.os = 3,
				.extra = fields & 2 ? extra : Z_NULL,
				.extra_len = fields & 4 ? sizeof(extra) : 4,
				.name = fields & 8 ? name : Z_NULL,
				.comment = fields & 16 ? comment : Z_NULL,
				.hcrc = fields % 3 == 0 };
		AUTO_FREE char *what = xasprintf("header %u", fields);
		size_t len = pack("content", 7, 6, Z_DEFAULT_STRATEGY, &h, packed);

		all_unpack(packed, len, "content", 7, 0);
		torment(packed, len, "content", 7, len < 100 ? 3 : 211, what);
	}
}

static void a_wrong_checksum_or_length_is_damage(void **state)
{
	AUTO_FREE unsigned char *packed = xmalloc(ROOM);
	size_t len = pack("content", 7, 6, Z_DEFAULT_STRATEGY, NULL, packed);

	(void)state;
	for (size_t at = len - 8; at < len; at++) {
		packed[at] ^= 1;
		for (size_t i = 0; gunzip_backends[i]; i++) {
			AUTO(outcome_done) struct outcome o = unpack(gunzip_backends[i], packed, len, paces[at % 5]);

			assert_int_equal(o.verdict, DAMAGED);
			assert_string_equal(o.why, at < len - 4 || gunzip_backends[i] != &gunzip_zlib
							   ? "incorrect data check"
							   : "incorrect length check");
		}
		packed[at] ^= 1;
	}
}

static void one_state_does_for_many_members(void **state)
{
	AUTO_FREE unsigned char *packed = xmalloc(ROOM);
	AUTO_FREE unsigned char *content = make_content(5000);
	AUTO_FREE unsigned char *out = xmalloc(ROOM);
	size_t len = pack(content, 5000, 6, Z_DEFAULT_STRATEGY, NULL, packed);

	(void)state;
	for (size_t i = 0; gunzip_backends[i]; i++) {
		const struct gunzip_backend *b = gunzip_backends[i];
		void *member = b->create();

		for (int n = 0; n < 5; n++) {
			struct gunzip_io io = { packed, n % 2 ? len / 2 : len, out, ROOM };
			const char *why = "";

			assert_int_equal(b->step(member, &io, &why), n % 2 ? 0 : 1); /* also after half of one */
			assert_int_equal(io.in_len, 0);
			if (n % 2 == 0)
				assert_memory_equal(out, content, 5000);
			b->restart(member);
		}
		b->destroy(member);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_comes_out),
		cmocka_unit_test(damage_is_found_alike),
		cmocka_unit_test(every_field_of_the_header_is_known),
		cmocka_unit_test(a_wrong_checksum_or_length_is_damage),
		cmocka_unit_test(one_state_does_for_many_members),
	};

	for (size_t i = 0; gunzip_backends[i]; i++)
		print_message("gzip by %s\n", gunzip_backends[i]->name);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
