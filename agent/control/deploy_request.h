/* control/deploy_request.h - what a client asks for when it asks for a deployment.
 *
 * Everything that is the client's to say; settings, the id and who asked are added by the daemon, which checks all of
 * it like a stranger's. Strings are owned; bytes that are no UTF-8 arrive unchanged (format/json.h, jbytes()).
 */
#pragma once

#include "model/deployment.h"

#define DEPLOY_REQUEST_SCHEMA	  1
#define DEPLOY_DEFAULT_DEADLINE_S 3600

struct deploy_request {
	struct revision revision;
	char *application;	    /* NULL: the name of the group */
	char *group;		    /* NULL: "default" */
	char *group_name;	    /* NULL: the group */
	char *appspec_filename;	    /* NULL: appspec.yml, then appspec.yaml */
	char *file_exists_behavior; /* NULL: the host's */
	char **events;		    /* NULL: the default order */
	char *digest;		    /* NULL: any */
	char *plan_id;		    /* NULL: any */
	char *token;		    /* NULL: none */
	char *requested_by_text;    /* NULL: none */
	char **environment;	    /* NULL: none */
	enum on_failure on_failure;
	unsigned deadline_s;  /* 0: none */
	bool host_on_failure; /* not said: the host's configuration counts, on_failure does not */
	bool host_deadline;   /* the same for deadline_s */
	bool force;
};

void deploy_request_done(struct deploy_request *r);
json_t *deploy_request_to_json(const struct deploy_request *r); /* new reference */
/* -1, ERR_USAGE: says which field is wrong and how it should be. OUT is the caller's: deploy_request_done(). Required
 * are "schema" and "revision" alone; unknown keys are refused. The digest comes out in small letters. */
int deploy_request_from_json(const json_t *json, struct deploy_request *out, struct err *err);
