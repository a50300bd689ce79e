/* cli/client_options.h - the options of the commands that talk to the daemon, and of a few that do not.
 *
 * One table holds all of them; a command names those it takes. Reading is pure; what the values mean is checked by
 * whoever uses them, most of it by the daemon.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>

enum word_rule {
	WORD_NONE,
	WORD_OPTIONAL,
	WORD_NEEDED,
	WORD_OR_LATEST, /* a deployment's id, or --latest in its place */
	WORD_ANY,	/* any number of them */
};

/* Of a command: its name, its options ("json timeout group"), the word after them and its help. */
struct command_spec {
	const char *name;
	const char *options;
	enum word_rule word;
	const char *word_name; /* "deployment" */
	const char *usage;
};

/* Strings are borrowed from the argument vector, lists are owned: client_options_done(). */
struct client_options {
	const char *word;
	char **words; /* WORD_ANY; NULL-terminated, borrowed strings */
	const char *application, *group, *file_exists_behavior, *events, *digest, *on_failure, *requested_by, *token;
	const char *appspec_filename, *type, *plan_id, *fail_at;
	char **environment; /* NULL-terminated, borrowed strings; NULL: none */
	bool json, help, latest, detach, force, dry_run, follow, raw, diff, detailed_exitcode, verbose, keep;
	bool has_deadline, has_timeout;
	unsigned deadline_s, timeout_s, limit;
};

/* ARGV[0] is the command. ERR_USAGE. OUT is the caller's also when it has failed. */
int client_options_read(const struct command_spec *spec, int argc, char *const *argv, struct client_options *out,
			struct err *err);
void client_options_done(struct client_options *o);
