/* tests/unit/test_digest.c */
#include "util/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void known_messages_have_known_digests(void **state)
{
	struct digest *d = digest_new();
	unsigned char out[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	digest_finish(d, out);
	digest_hex(out, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_start(d);
	digest_update(d, "a", 1);
	digest_update(d, "bc", 2);
	digest_finish(d, out);
	digest_hex(out, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_free(d);
	digest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_messages_have_known_digests) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
