/* model/names.c - names, letter by letter; the locale does not count. */
#include "model/names.h"
#include "util/auto.h"

#include <string.h>

#define HEX_DIGITS   "0123456789abcdefABCDEF"
#define SMALL_DIGITS "0123456789abcdef"

bool name_is_group(const char *name)
{
	static const char *const taken[] = { ".", "..", "deployment-instructions", "deployment-logs",
					     "ongoing-deployment" };

	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (!strcmp(name, taken[i]))
			return false;
	return *name && strlen(name) <= NAME_MAX_GROUP && !strchr(name, '/');
}

bool name_is_variable(const char *name, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return len && !strchr("0123456789", name[0]) && strspn(name, letters) >= len;
}

bool name_is_reserved(const char *name, size_t len)
{
	static const char *const names[] = { "LIFECYCLE_EVENT", "DEPLOYMENT_ID", "APPLICATION_NAME",
					     "DEPLOYMENT_GROUP_NAME", "DEPLOYMENT_GROUP_ID" };
	static const char own[] = "SLIPWAY_";

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && !strncmp(name, names[i], len))
			return true;
	return len >= sizeof(own) - 1 && !strncmp(name, own, sizeof(own) - 1);
}

bool name_is_digest(const char *text)
{
	static const char prefix[] = "sha256:";
	size_t len = sizeof(prefix) - 1;

	return !strncmp(text, prefix, len) && strspn(text + len, HEX_DIGITS) == 64 && !text[len + 64];
}

bool name_is_plan_id(const char *text)
{
	return !strncmp(text, "p-", 2) && strspn(text + 2, SMALL_DIGITS) == 12 && text[14] == '-' &&
	       strspn(text + 15, SMALL_DIGITS) == 12 && !text[27];
}
