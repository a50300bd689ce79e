/* Names of units; the rest of the client is tested against a bus (tests/integration/test_systemd.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/systemd_client.h"
#include "util/auto.h"

#include <string.h>

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
	const char *why, *text, *name; /* NULL: refused */
} cases[] = {
	{ "without a suffix", "shop", "shop.service" },
	{ "a service", "shop.service", "shop.service" },
	{ "another type", "shop.socket", "shop.socket" },
	{ "a dot that begins no suffix", "php8.2-fpm", "php8.2-fpm.service" },
	{ "a suffix in the middle", "shop.service.old", "shop.service.old.service" },
	{ "an instance", "shop@blue", "shop@blue.service" },
	{ "an escaped path", "srv-my\\x20shop.mount", "srv-my\\x20shop.mount" },
	{ "all that a name may have", "aZ09:-_.@", "aZ09:-_.@.service" },
	{ "nothing", "", NULL },
	{ "a suffix alone", ".service", NULL },
	{ "a blank", "my shop", NULL },
	{ "a path", "/etc/systemd/system/shop.service", NULL },
	{ "a pattern", "shop-*", NULL },
	{ "an option", "shop --now", NULL },
	{ "a newline", "shop\n", NULL },
	{ "bytes that are no text", "sh\xc3\xb6p", NULL },
	{ "as long as can be", LONG LONG "01234567890123456789012345678901234567890123456.service",
	  LONG LONG "01234567890123456789012345678901234567890123456.service" },
	{ "too long with its suffix", LONG LONG "012345678901234567890123456789012345678901234567", NULL },
};

static void a_name_becomes_that_of_a_unit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char name[UNIT_NAME_SIZE] = "";
		bool ok = systemd_unit_name(cases[i].text, name);

		print_message("  %s\n", cases[i].why);
		assert_int_equal(cases[i].name != NULL, ok);
		if (ok)
			assert_string_equal(cases[i].name, name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_becomes_that_of_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
