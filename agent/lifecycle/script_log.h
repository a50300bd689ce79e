/* lifecycle/script_log.h - what hooks print, kept for people: two files and a tail for reports.
 *
 * <folder>/logs/scripts.log		"YYYY-MM-DD HH:MM:SS <entry>", local time
 * <root>/deployment-logs/<program name>-deployments.log
 *					"[YYYY-MM-DD HH:MM:SS.mmm] [<id>]<entry without blanks at its end>", of all
 *					deployments; 64 MiB, then .0 to .6
 * Entries are "LifecycleEvent - <event>", "Script - <location>", "[stdout]<line>", "[stderr]<line>", and lines of our
 * own without a mark in front. Lines are bytes as the hook printed them, with their newline if they had one.
 *
 * Both files are created at the first entry. scripts.log is capped: its first half stays, then a line that says how
 * much was left out, then the newest lines. One deployment adds at most as much output to the deployments log, so that
 * it cannot push all others out. Nothing here ever fails a hook: what could not be written is told by
 * script_log_trouble(), and the tail goes on.
 *
 * Source: spec/codedeploy-agent.md 8.5, 2.7 (with its recommendation for the tail); PRODUCT section 4, Decisions.
 */
#pragma once

#include "util/mask.h"

#include <stddef.h>
#include <stdint.h>

#define SCRIPT_LOG_TAIL	     2048
#define SCRIPT_LOG_MAX_BYTES (64u * 1024 * 1024)

struct script_log;

enum script_stream { SCRIPT_STDOUT, SCRIPT_STDERR, SCRIPT_STREAM_COUNT };
const char *script_stream_name(enum script_stream stream); /* "STDOUT" */

struct script_log_place {
	const char *folder;	     /* of the deployment */
	const char *deployment_root; /* NULL: no deployments log */
	const char *deployment_id;
	const char *program_name; /* NULL: codedeploy-agent */
	uint64_t max_bytes;	  /* of scripts.log; at least 4096 */
	uint64_t rotate_bytes;	  /* of each deployments log */
};

/* Touches no file. PLACE is copied. The caller owns the log: script_log_free(), which writes what is left. */
struct script_log *script_log_new(const struct script_log_place *place);
void script_log_free(struct script_log *log); /* NULL is fine */

/* A new event: its line is the first of a new tail. */
void script_log_event(struct script_log *log, const char *event);
void script_log_forget(struct script_log *log); /* the tail alone */
void script_log_script(struct script_log *log, const char *location);
void script_log_say(struct script_log *log, const char *text); /* one line of ours, without newline */
/* A line of output. Its time is that of the last script_log_tick(): asking the clock for each of millions is dear. */
void script_log_line(struct script_log *log, enum script_stream stream, const char *line, size_t len);
void script_log_tick(struct script_log *log);
/* Lines are collected and written in large pieces: to be called when nothing more is coming for now. */
void script_log_flush(struct script_log *log);

/* Secrets: whatever is in here is left out of every entry that comes after. Also for those who tell of entries. */
struct mask *script_log_mask(struct script_log *log);

/* The last bytes of the event's entries, at most SCRIPT_LOG_TAIL, cut in mid-line but not in mid-character; bytes as
 * they came, but for NUL, which is shown as '?'. Returns the length of OUT, a string. */
size_t script_log_tail(const struct script_log *log, char out[SCRIPT_LOG_TAIL + 1]);
/* Why something could not be written since the last call; NULL: nothing. Valid until the next call to LOG. */
const char *script_log_trouble(struct script_log *log);
