/* worker/trial.c - see trial.h. */
#include "worker/trial.h"

#include "appspec/unprivileged.h"
#include "util/account.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

static bool is_oneself(void *context, const char *name)
{
	uid_t uid;

	(void)context;
	return account_user(name, &uid) && uid == geteuid();
}

static bool is_member(void *context, const char *name)
{
	int count = getgroups(0, NULL);
	AUTO_FREE gid_t *groups = xcalloc(count > 0 ? (size_t)count : 1, sizeof(*groups));
	gid_t gid;

	(void)context;
	if (!account_group(name, &gid))
		return false;
	if (gid == getegid())
		return true;
	count = getgroups(count, groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool is_known(void *context, const char *name, bool group)
{
	uid_t uid;
	gid_t gid;

	(void)context;
	return group ? account_group(name, &gid) : account_user(name, &uid);
}

void trial_take_out(struct appspec *a, struct findings *left_out)
{
	static const struct unprivileged may = { is_oneself, is_member, is_known, NULL };

	if (geteuid() != 0)
		unprivileged_appspec(a, &may, left_out);
}

int trial_fail(const struct deployment *d, struct event_result *event, struct deployment_result *r, struct err *err)
{
	if (!d->fail_at || strcmp(d->fail_at, event->event))
		return 0;
	free(r->error_action);
	r->error_action = xstrdup("nothing, it was asked for; of a real failure this line tells what to do about it");
	event->exit_code = -1;
	return err_set(err, ERR_SCRIPT_FAILED, "asked to by --fail-at, after its own work%s%s",
		       event->message ? ": " : "", event->message ? event->message : "");
}
