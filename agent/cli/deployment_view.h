/* cli/deployment_view.h - a deployment's document as the daemon sent it, checked and taken apart to be shown. */
#pragma once

#include "model/deployment.h"

struct deployment_view {
	struct deployment d; /* who asked for what; NULL and 0 where the document does not tell */
	struct deployment_result r;
};

/* -1, ERR_STATE: no document of docs/deployment-result.schema.json, or one of a newer slipway. OUT is the caller's:
 * deployment_view_done(). */
int deployment_view_read(const json_t *document, struct deployment_view *out, struct err *err);
void deployment_view_done(struct deployment_view *v);

bool deployment_has_ended(const struct deployment_result *r);
/* What a command that waited for it ends with (PRODUCT section 3). */
int deployment_exit_status(const struct deployment_result *r);
