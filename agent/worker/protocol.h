/* worker/protocol.h - what a worker and the process that started it say to each other.
 *
 * One stream socketpair, the worker's end is descriptor 3. JSON objects, one a line, each at most 16 MiB.
 * Down, once: the request, then nothing, or {"stop":true} at any time; end of file means stop. Its kind is that of its
 * keys: "unpack" (unpack_request_to_json), else a deployment (deployment_to_json).
 * Up: {"progress":"event", "event":E, "status":S, "text":T}   S as event_status_name(); T: the words for the line
 *     {"progress":"note", "event":E, "text":T}	       what somebody watching should know, not the end of anything
 *     {"progress":"work", "event":E, "files":N, "files_total":N, "bytes":N, "bytes_total":N}	   now and then, for a
 * live bar
 *     {"progress":"started", "folder":F}		       the deployment's folder, before the first event
 *     {"progress":"result", "deployment":D}	       last: deployment_result_to_json()
 * or, for an unpack request, nothing but
 *     {"progress":"unpacked", ...}		       unpack_answer_to_json()
 * A worker that goes away without a result has crashed; its journal says what is to be done.
 */
#pragma once

#define WORKER_FD	3
#define WORKER_MAX_LINE (16 * 1024 * 1024)
