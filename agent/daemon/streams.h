/* daemon/streams.h - clients that wait for a deployment, or watch, and what they are told: control/socket_protocol.h.
 */
#pragma once

#include "control/socket_server.h"

#include <jansson.h>
#include <stdbool.h>

struct streams;

struct streams *streams_new(void);
void streams_free(struct streams *s); /* NULL is fine; the clients are not told */

/* CLIENT hears of ID (NULL: of all, until it goes), with whole documents when it wants DOCUMENTS. */
void streams_add(struct streams *s, struct socket_client *client, const char *id, bool documents);
void streams_remove(struct streams *s, const struct socket_client *client);

/* All borrowed. */
void streams_progress(struct streams *s, const char *id, json_t *progress);
void streams_document(struct streams *s, const char *id, json_t *document);
bool streams_want_documents(const struct streams *s, const char *id);
/* ID has ended: those who wait for it get their last line. */
void streams_end(struct streams *s, const char *id, json_t *document, const char *folder);
/* All that still wait get ERR as their last line. */
void streams_abandon(struct streams *s, const struct err *err, const char *action);

/* One line as the two above send it. New reference. */
json_t *streams_progress_line(const char *id, json_t *progress);
json_t *streams_document_line(const char *id, json_t *document);
json_t *streams_last_line(json_t *document, const char *folder);
