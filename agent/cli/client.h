/* cli/client.h - what every command that talks to the daemon begins with: options, configuration, screen, one question.
 */
#pragma once

#include "cli/cli.h"
#include "cli/client_options.h"
#include "cli/daemon_client.h"
#include "cli/output.h"
#include "config/config.h"

#include <jansson.h>
#include <limits.h>

#define CLIENT_ANSWER_WITHIN_S 60 /* of a question that is no deployment; --timeout says another */

struct client {
	const struct command_spec *spec; /* borrowed */
	struct output output;		 /* stderr */
	struct client_options options;
	struct config config;
	char host[HOST_NAME_MAX + 1];
};
void client_done(struct client *c);

/* The options alone, for a command that asks nobody; returns like client_begin(). OUT is the caller's in any case:
 * client_options_done(). */
int client_read_options(const struct command_spec *spec, int argc, char **argv, struct output *o,
			struct client_options *out);
/* Everything up to the question. -1: go on; else the exit status, and what there is to say has been said. OUT is the
 * caller's in any case: client_done(). */
int client_begin(const struct command_spec *spec, const struct cli *cli, int argc, char **argv, struct client *out);
/* Ask REQUEST (taken) that has no stream. 0: *ANSWER is the caller's; else the exit status, said. */
int client_ask(struct client *c, json_t *request, json_t **answer);

/* Say ERR, or how an answer that is not DAEMON_DONE has ended; the exit status. */
int client_fail(struct client *c, const struct err *err);
int client_say_refusal(struct client *c, const struct daemon_answer *a);
/* One document on standard output; 0, or 1 when it could not be written (said). JSON is taken. */
int client_print_json(struct client *c, json_t *json);
/* A new reference; NULL: null. Bytes travel unchanged. */
json_t *client_text_or_null(const char *text);
/* The id that the word or --latest means; the caller frees it. 0, else the exit status, said. */
int client_find_id(struct client *c, char **out);

static inline void json_freep(json_t **json)
{
	json_decref(*json);
}
