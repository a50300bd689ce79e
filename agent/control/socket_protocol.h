/* control/socket_protocol.h - what clients and the daemon say to each other over the socket.
 *
 * A Unix stream socket; JSON objects, one a line. A line from a client has at most PROTOCOL_MAX_REQUEST bytes, one from
 * the daemon PROTOCOL_MAX_ANSWER. The daemon takes who calls from the socket (SO_PEERCRED, SO_PEERGROUPS), never from
 * the text. A client may send requests one after another; each is answered in full before the next one is read.
 *
 * Every request: {"schema":1, "request":NAME, ...}. Its answer: any number of stream lines, then one line with "done":
 *     {"done":true, ...}	 carried out, with what the request answers
 *     {"done":false, "error":{"error_code":C, "message":M, "action":A or null, "exit":N}}   N as PRODUCT section 3
 * A newer schema, an unknown request or key is such an error, too, and names what this daemon knows.
 *
 * Stream lines (of deploy and rollback with "wait", and of watch), each with the "deployment_id" it is about:
 *     {"deployment_id":ID, "progress":P}	P as a worker sends it (worker/protocol.h): "started", "event", "note",
 *						"work", "doing"; of the last two who comes later gets the newest "doing"
 *     {"deployment_id":ID, "deployment":D}	with "documents":true, whenever something has changed
 * D is always the document of deployment_result_to_json(): docs/deployment-result.schema.json.
 *
 * The requests, with their keys, and what they answer:
 *
 * deploy	"deploy":R, "token", "wait":bool, "documents":bool; R: deploy_request_to_json()
 *		first {"accepted":{"deployment_id":ID, "repeated":bool, "behind":ID2 or null}}, then, with "wait", the
 *		stream; done: "deployment":D, "folder":path or null. A token that was seen before answers with that
 *		deployment ("repeated") and starts none.
 * rollback	"deployment_id" (null: the newest good revision other than the one in place), "group", "dry_run",
 *		"token", "wait", "documents", "requested_by_text"
 *		as deploy; dry_run: done: "target":{"deployment_id","group","finished_at","digest","location"}
 * watch	"deployment_id" (null: of all, until the client goes), "documents"
 *		the stream to its end, beginning with what has happened so far; done: "deployment":D, "folder"
 * show		"deployment_id" (null: the latest), "group" (null: any)
 *		done: "deployment":D, "folder":path or null
 * list		"group" (null: all), "limit"
 *		done: "deployments":[D, ..], newest first
 * status	done: "agent":{"version","pid","started_at","deployment_root","stopping":bool,"unhappy":[text, ..]},
 *		"groups":[{"group","last_successful":{"deployment_id","finished_at","digest","location"} or null,
 *		"running":ID or null, "queued":ID or null, "last":{"deployment_id","status","finished_at"} or null,
 *		"needs_recovery":bool}, ..]
 * stop		"deployment_id" (null: the latest that has not ended), "group"
 *		done: "deployment_id". It is asked to stop; watch tells when it has.
 * forget	"group"
 *		done: "group", "deployments":N. History, revisions and pointers of the group go; what is installed
 *		stays. Refused while it is busy.
 * prune	done: "deployments":N, "rows":N: revisions and history beyond what the configuration keeps
 *
 * Access: "status" for show, list, status and watch; "deploy" for the rest and, with it, all of them.
 */
#pragma once

#define PROTOCOL_SCHEMA	     1
#define PROTOCOL_MAX_REQUEST (1024 * 1024)
#define PROTOCOL_MAX_ANSWER  (16 * 1024 * 1024)
