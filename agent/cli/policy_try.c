/* cli/policy_try.c - one worker, one path, one line of what is wrong. */
#include "cli/policy_try.h"

#include "cli/worker_words.h"
#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MAX_TEXT 4096

static int ask_worker(const char *policy, struct err *err)
{
	const char *const words[] = { "--policy", policy, NULL };
	AUTO(str_done) struct str text = STR_INIT(MAX_TEXT);
	int status = worker_words(words, -1, &text, err);

	if (status <= 0)
		return status < 0 ? -1 : 1;
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return err_set(err, ERR_CONFIG, "the policy of this host cannot be asked, so nothing is allowed: %s",
		       text.len ? str_text(&text) : "the worker that was to read it failed");
}

int policy_try(const struct config *c, struct err *err)
{
	const char *policy = c->settings.policy;

	if (!policy)
		return 0;
	if (!c->settings.policy_needed && faccessat(AT_FDCWD, policy, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return ask_worker(policy, err);
}
