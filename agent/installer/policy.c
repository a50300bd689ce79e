/* installer/policy.c - the overwrite policy as a table of decisions. */
#include "installer/policy.h"

#include "appspec/path_glob.h"
#include "util/auto.h"

#include <string.h>

static const char *const answer_names[POLICY_ANSWER_COUNT] = {
	[POLICY_OVERWRITE] = "overwrite",
	[POLICY_RETAIN] = "retain",
	[POLICY_DISALLOW] = "disallow",
	[POLICY_BACKUP] = "backup",
};

const char *policy_answer_name(enum policy_answer answer)
{
	return answer_names[answer];
}

int policy_answer_from_name(const char *name, enum policy_answer *out)
{
	for (size_t i = 0; i < ARRAY_LEN(answer_names); i++)
		if (!strcmp(name, answer_names[i])) {
			*out = (enum policy_answer)i;
			return 0;
		}
	return -1;
}

enum verdict policy_answer_verdict(enum policy_answer answer, bool ours)
{
	static const enum verdict verdicts[POLICY_ANSWER_COUNT] = {
		[POLICY_OVERWRITE] = VERDICT_WRITE,
		[POLICY_RETAIN] = VERDICT_RETAIN,
		[POLICY_DISALLOW] = VERDICT_REFUSE,
		[POLICY_BACKUP] = VERDICT_BACKUP,
	};

	return answer == POLICY_RETAIN && ours ? VERDICT_RETAIN_OURS : verdicts[answer];
}

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
