/* script/systemd_client.c - finds the module; names of units. */
#include "script/systemd_client.h"

#include "script/systemd_module.h"
#include "util/auto.h"
#include "util/module.h"
#include "util/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct module speaks_systemd = { "slipway-systemd.so", SYSTEMD_MODULE_SYMBOL, SYSTEMD_MODULE_VERSION,
					      "what speaks to systemd" };

static const enum err_kind kinds[SYSTEMD_RESULT_COUNT] = {
	[SYSTEMD_FAILED] = ERR_STATE,	  [SYSTEMD_DENIED] = ERR_DENIED,	   [SYSTEMD_LATE] = ERR_TIMED_OUT,
	[SYSTEMD_GIVEN_UP] = ERR_STOPPED, [SYSTEMD_UNREACHABLE] = ERR_UNREACHABLE,
};

static bool has_suffix(const char *text)
{
	static const char *const suffixes[] = { ".automount", ".device", ".mount", ".path",   ".scope", ".service",
						".slice",     ".socket", ".swap",  ".target", ".timer" };

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (str_ends(text, suffixes[i]) && strlen(text) > strlen(suffixes[i]))
			return true;
	return false;
}

bool systemd_unit_name(const char *text, char out[UNIT_NAME_SIZE])
{
	if (!*text || *text == '.')
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(":-_.\\@", *p))
			return false;
	return snprintf(out, UNIT_NAME_SIZE, "%s%s", text, has_suffix(text) ? "" : ".service") < UNIT_NAME_SIZE;
}

int systemd_ask(struct systemd_question *q, struct err *err)
{
	const struct systemd_module *module = module_load(&speaks_systemd, err);
	char error[sizeof(err->msg)] = "";

	if (!module)
		return -1;

	enum systemd_result result = module->ask(q, error, sizeof(error));

	return result == SYSTEMD_DONE ? 0 : err_set(err, kinds[result], "%s", error);
}
