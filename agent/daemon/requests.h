/* daemon/requests.h - what clients may ask for (control/socket_protocol.h): a table of name, access class and function.
 */
#pragma once

#include "control/access.h"
#include "daemon/daemon_internal.h"
#include "format/json.h"

/* One request while it is carried out. */
struct request {
	struct daemon *daemon;
	struct socket_client *client;
	struct jobject fields; /* "schema" and "request" have been taken */
};

/* 0: answered, or it will be; -1: answered with ERR by the caller. */
typedef int request_fn(struct request *r, struct err *err);

/* For the socket server's handler: CONTEXT is the daemon. */
void requests_take(void *context, struct socket_client *client, const json_t *request);
void requests_client_gone(void *context, struct socket_client *client);

/* For the files that hold the functions: a flag that may be missing; the end of the fields (ERR_USAGE). */
int request_flag(struct request *r, const char *key, bool *out, struct err *err);
int request_text(struct request *r, const char *key, char **out, struct err *err);
int request_end(struct request *r, struct err *err);
/* ERR_BUSY while the daemon is stopping. */
int request_needs_work(const struct request *r, struct err *err);
/* The last line about a deployment that has ended, or that is not waited for. */
void request_answer_deployment(struct request *r, json_t *document, const char *group, const char *id);
/* -1: ROW, of which the daemon has no worker, has not ended: `slipway local` is at it, or was. */
int request_ended(const struct db_row *row, struct err *err);
/* 1: OUT is the caller's: db_row_done(). ID NULL: the latest (of GROUP, when given). Not there: -1. */
int request_find(struct request *r, const char *id, const char *group, struct db_row *out, struct err *err);

request_fn request_deploy, request_rollback, request_stop;	      /* requests_deploy.c */
request_fn request_watch, request_show, request_list, request_status; /* requests_show.c */
request_fn request_forget, request_prune;			      /* requests_forget.c */
