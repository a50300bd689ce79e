/* The words that start a script, and how a path is quoted for the shell of su. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/hook_command.h"
#include "process_help.h"

static const struct {
	const char *why;
	enum runas_method method;
	bool is_root, sudo;
	const char *runas;
	bool change_user;
	const char *words; /* with blanks between */
} cases[] = {
	{ "nothing asked", RUNAS_DIRECT, true, false, NULL, false, "/a/s.sh" },
	{ "root is root already", RUNAS_DIRECT, true, true, NULL, false, "/a/s.sh" },
	{ "root changes by itself", RUNAS_DIRECT, true, false, "www", true, "/a/s.sh" },
	{ "the same with sudo", RUNAS_DIRECT, true, true, "www", true, "/a/s.sh" },
	{ "no root, nothing asked", RUNAS_DIRECT, false, false, NULL, false, "/a/s.sh" },
	{ "no root, sudo", RUNAS_DIRECT, false, true, NULL, false, "sudo -n -- /a/s.sh" },
	{ "no root, runas: it is that user", RUNAS_DIRECT, false, false, "www", false, "/a/s.sh" },
	{ "no root, both", RUNAS_DIRECT, false, true, "www", false, "sudo -n -u www -- /a/s.sh" },
	{ "su, nothing asked", RUNAS_SU, true, false, NULL, false, "/a/s.sh" },
	{ "su, sudo", RUNAS_SU, true, true, NULL, false, "sudo -n -- /a/s.sh" },
	{ "su, runas", RUNAS_SU, true, false, "www", false, "su www --session-command /a/s.sh" },
	{ "su, both", RUNAS_SU, true, true, "www", false, "sudo -n -- su www --session-command /a/s.sh" },
	{ "su, no root", RUNAS_SU, false, false, "www", false, "su www --session-command /a/s.sh" },
	{ "su, no root, both", RUNAS_SU, false, true, "www", false, "sudo -n -- su www --session-command /a/s.sh" },
};

static void each_combination_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct appspec_script script = { .runas = cases[i].runas, .sudo = cases[i].sudo };
		AUTO(hook_command_done) struct hook_command c;
		AUTO(str_done) struct str text = STR_INIT(4096);

		print_message("  %s\n", cases[i].why);
		hook_command(&script, "/a/s.sh", cases[i].method, cases[i].is_root, &c);
		for (size_t k = 0; c.words[k]; k++)
			assert_int_equal(0, str_printf(&text, "%s%s", k ? " " : "", c.words[k]));
		assert_string_equal(cases[i].words, str_text(&text));
		assert_true(cases[i].change_user == c.change_user);
	}
}

static void a_path_is_one_word_for_any_shell(void **state)
{
	static const char *const paths[] = { "/plain-1.2_3/s.sh",     "/with blanks/s.sh",
					     "/$(touch x)/`id`/s.sh", "/it's 'quoted'/s.sh",
					     "/a;b&c|d>e/*?[x]",      "/line\nbreak\t\\n",
					     "/\xc3\xa4\xff",	      "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		AUTO_FREE char *word = hook_quote(paths[i]);
		AUTO_FREE char *command = xasprintf("printf %%s %s", word);
		FILE *shell = popen(command, "re"); // NOLINT(cert-env33-c): it is the shell that is tested
		char back[256];

		assert_non_null(shell);
		back[fread(back, 1, sizeof(back) - 1, shell)] = '\0';
		assert_int_equal(0, pclose(shell));
		assert_string_equal(paths[i], back);
	}
	AUTO_FREE char *plain = hook_quote(paths[0]);

	assert_string_equal(paths[0], plain); /* as the reference would write it */
}

static void programs_are_found_on_the_path_of_the_agent(void **state)
{
	char *folder = folder_new();
	AUTO_FREE char *paths = xasprintf("bin:%s/none:%s:/bin", folder, folder);
	AUTO_FREE char *want = xasprintf("%s/su", folder);

	(void)state;
	file_put(folder, "su", "#!/bin/sh\n", 0755);
	file_put(folder, "sudo", "no program", 0644);

	AUTO_FREE char *su = hook_program("su", paths);
	AUTO_FREE char *sudo = hook_program("sudo", folder);
	AUTO_FREE char *none = hook_program("sudo", NULL);

	assert_string_equal(want, su);
	assert_string_equal("/usr/bin/sudo", sudo);
	assert_string_equal("/usr/bin/sudo", none);
	scratch_removep(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_combination_has_its_words),
		cmocka_unit_test(a_path_is_one_word_for_any_shell),
		cmocka_unit_test(programs_are_found_on_the_path_of_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
