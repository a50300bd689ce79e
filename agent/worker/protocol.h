/* worker/protocol.h - what a worker and the process that started it say to each other.
 *
 * One stream socketpair, the worker's end is descriptor 3. JSON objects, one a line, each at most 16 MiB.
 * Down, once: the request, then nothing, or {"stop":true} or {"stop":true,"deadline":true} at any time; end of file
 * means stop unless the deployment "outlives" it. Its kind is that of its keys: "unpack" (unpack_request_to_json),
 *"pack" (pack_request_to_json), "plan" (plan_request_to_json), "recover":{"deployment_root":path,"group":G} (finish, or
 *undo and restore, what was interrupted in that group), else a deployment (deployment_to_json). Up:
 *{"progress":"event", "event":E, "status":S, "text":T}   S as event_status_name(); T: the words for the line
 *     {"progress":"note", "event":E, "text":T}	       what somebody watching should know, not the end of anything
 *     {"progress":"work", "event":E, "files":N, "files_total":N, "bytes":N, "bytes_total":N}	   now and then, for a
 * live bar
 *     {"progress":"doing", "event":E, "text":T}	       what a hook of E does now, at most ten a second and of
 *							       WORKER_MAX_DOING bytes; "": nothing to tell any more
 *     {"progress":"started", "folder":F}		       the deployment's folder, before the first event; the
 *							       group's lock is held from here on
 *     {"progress":"recovered", "deployment":D}	       an earlier deployment of the group has got its result now
 *     {"progress":"result", "deployment":D}	       last: deployment_result_to_json()
 * or, for an unpack, a pack or a plan request, nothing but
 *     {"progress":"unpacked", ...}		       unpack_answer_to_json()
 *     {"progress":"packed", ...}		       pack_answer_to_json()
 *     {"progress":"planned", ...}		       plan_answer_to_json(), after "note" and "work" lines
 * A recover request is answered by "event", "note" and "recovered" lines; the worker's exit status 0 says that nothing
 *is left to recover. A worker that goes away without a result has crashed; its journal says what is to be done.
 */
#pragma once

#define WORKER_FD	 3
#define WORKER_MAX_LINE	 (16 * 1024 * 1024)
#define WORKER_MAX_DOING 4096
/* The event that says how bringing the previous revision back goes, files first: InProgress when it begins. */
#define WORKER_RESTORE "Restore"
