/* control/socket_server.h - the daemon's end of control/socket_protocol.h: clients, their lines and their limits.
 *
 * Never blocks and trusts nobody: every client has a buffer in and one out, both with a ceiling; whoever says nothing
 * sensible for SOCKET_IDLE_S, floods, or does not read loses the connection, and only that. At most
 * SOCKET_MAX_CLIENTS, and SOCKET_MAX_PER_UID of them for a uid other than root and our own. The next request of a
 * client is read when the answer to the one before has been sent.
 *
 * Nothing here calls the handler from within a call to here: closing and the next request wait for the loop.
 */
#pragma once

#include "control/peer.h"
#include "util/err.h"

#include <jansson.h>
#include <systemd/sd-event.h>

#define SOCKET_MAX_CLIENTS  256
#define SOCKET_MAX_PER_UID  64
#define SOCKET_MAX_OUTPUT   (32 * 1024 * 1024)	/* waiting to be read, of a client */
#define SOCKET_MAX_BUFFERED (128 * 1024 * 1024) /* of all of them */
#define SOCKET_IDLE_S	    60

struct socket_server;
struct socket_client;

struct socket_handler {
	/* A JSON object, borrowed. To be answered by socket_client_send() any number of times and one
	 * socket_client_end(), now or later. */
	void (*request)(void *context, struct socket_client *c, const json_t *request);
	void (*gone)(void *context, struct socket_client *c); /* the pointer is worth nothing after this call */
	void *context;
};

/* Listen at PATH, making its folder (0755): mode 0660 and the group SLIPWAY_GROUP when that exists and may be given,
 * else 0600. What a dead daemon left there is replaced. A socket that the service manager hands over is used instead.
 * HANDLER is borrowed. ERR_BUSY: somebody listens there. *OUT is the caller's. */
int socket_server_start(sd_event *loop, const char *path, const struct socket_handler *handler,
			struct socket_server **out, struct err *err);
/* Sends what can be sent without waiting, closes all, removes the socket. The handler is not called. NULL is fine. */
void socket_server_free(struct socket_server *s);

const struct peer *socket_client_peer(const struct socket_client *c);
/* These two take the reference of LINE. */
void socket_client_send(struct socket_client *c, json_t *line);
void socket_client_end(struct socket_client *c, json_t *line);
