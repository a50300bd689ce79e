/* installer/policy.c - the overwrite policy as a table of decisions. */
#include "installer/policy.h"

#include "appspec/path_glob.h"

enum verdict policy_verdict(enum file_exists behavior, bool exists, bool ours)
{
	static const enum verdict foreign[FILE_EXISTS_COUNT] = {
		[FILE_EXISTS_UNSET] = VERDICT_REFUSE,
		[FILE_EXISTS_DISALLOW] = VERDICT_REFUSE,
		[FILE_EXISTS_OVERWRITE] = VERDICT_WRITE,
		[FILE_EXISTS_RETAIN] = VERDICT_RETAIN,
	};

	return exists && !ours ? foreign[behavior] : VERDICT_WRITE;
}

enum file_exists policy_behavior(enum file_exists appspec, enum file_exists deployment, enum file_exists host)
{
	return appspec ? appspec : deployment ? deployment : host ? host : FILE_EXISTS_DISALLOW;
}

const struct appspec_overwrite *policy_rule(const struct appspec *a, const char *path)
{
	for (size_t i = 0; i < a->overwrite_count; i++)
		if (path_glob_matches(a->overwrites[i].path, path))
			return &a->overwrites[i];
	return NULL;
}
