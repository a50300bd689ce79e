/* daemon/streams.c - a list, since there are few of them. */
#include "daemon/streams.h"

#include "control/answer.h"
#include "format/json.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

struct stream {
	struct stream *next;
	struct socket_client *client;
	char *id; /* NULL: all */
	bool documents;
};

struct streams {
	struct stream *first;
};

struct streams *streams_new(void)
{
	return xcalloc(1, sizeof(struct streams));
}

static void remove_at(struct stream **at)
{
	struct stream *gone = *at;

	*at = gone->next;
	free(gone->id);
	free(gone);
}

void streams_free(struct streams *s)
{
	while (s && s->first)
		remove_at(&s->first);
	free(s);
}

void streams_add(struct streams *s, struct socket_client *client, const char *id, bool documents)
{
	struct stream *new = xcalloc(1, sizeof(*new));

	*new = (struct stream){
		.next = s->first,
		.client = client,
		.id = id ? xstrdup(id) : NULL,
		.documents = documents,
	};
	s->first = new;
}

void streams_remove(struct streams *s, const struct socket_client *client)
{
	for (struct stream **at = &s->first; *at;)
		if ((*at)->client == client)
			remove_at(at);
		else
			at = &(*at)->next;
}

static bool hears(const struct stream *stream, const char *id)
{
	return !stream->id || !strcmp(stream->id, id);
}

json_t *streams_progress_line(const char *id, json_t *progress)
{
	return json_pack("{s:o, s:O}", "deployment_id", jpath(id), "progress", progress);
}

json_t *streams_document_line(const char *id, json_t *document)
{
	return json_pack("{s:o, s:O}", "deployment_id", jpath(id), "deployment", document);
}

json_t *streams_last_line(json_t *document, const char *folder)
{
	json_t *line = answer_done();

	(void)json_object_set(line, "deployment", document); /* memory only, as the next */
	(void)json_object_set_new(line, "folder", jpath(folder));
	return line;
}

void streams_progress(struct streams *s, const char *id, json_t *progress)
{
	for (struct stream *stream = s->first; stream; stream = stream->next)
		if (hears(stream, id))
			socket_client_send(stream->client, streams_progress_line(id, progress));
}

void streams_document(struct streams *s, const char *id, json_t *document)
{
	for (struct stream *stream = s->first; stream; stream = stream->next)
		if (stream->documents && hears(stream, id))
			socket_client_send(stream->client, streams_document_line(id, document));
}

bool streams_want_documents(const struct streams *s, const char *id)
{
	for (const struct stream *stream = s->first; stream; stream = stream->next)
		if (stream->documents && hears(stream, id))
			return true;
	return false;
}

void streams_end(struct streams *s, const char *id, json_t *document, const char *folder)
{
	streams_document(s, id, document);
	for (struct stream **at = &s->first; *at;) {
		if (!(*at)->id || strcmp((*at)->id, id)) {
			at = &(*at)->next;
			continue;
		}
		socket_client_end((*at)->client, streams_last_line(document, folder));
		remove_at(at);
	}
}

void streams_abandon(struct streams *s, const struct err *err, const char *action)
{
	while (s->first) {
		socket_client_end(s->first->client, answer_error(err, action));
		remove_at(&s->first);
	}
}
