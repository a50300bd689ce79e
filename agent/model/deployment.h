/* model/deployment.h - one attempt to bring a deployment group to a revision: what is asked, and how it went.
 *
 * Plain values that floors and processes hand to each other. `struct deployment` is the request, complete: a worker
 * reads no configuration. `struct deployment_result` is what `slipway show --json` prints (PRODUCT section 3). Both
 * travel as JSON objects with "schema":1; what reads them checks them like a stranger's. Strings are owned.
 *
 * A string of the request is bytes: what is no UTF-8 (a path may be so) travels as {"hex":"2f73.."} in place of the
 * JSON string and arrives unchanged. The result is for people and scripts: there such bytes are shown as \xNN and
 * escape sequences are gone, so it does not turn back into the same bytes.
 */
#pragma once

#include "util/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEPLOYMENT_SCHEMA 1
#define HOOKS_TIMEOUT_S	  3600
#define MAX_PROGRAM_NAME  200 /* bytes: "-deployments.log.6" fits behind it in a file's name */

enum outputs_left_open { OUTPUTS_WAIT, OUTPUTS_WARN, OUTPUTS_FAIL, OUTPUTS_COUNT };
const char *outputs_left_open_name(enum outputs_left_open policy);		/* "wait", "warn", "fail" */
int outputs_left_open_from_name(const char *name, enum outputs_left_open *out); /* -1: not one */

/* How a script comes to run as the user of its `runas`, and what `sudo: true` does. */
enum runas_method {
	RUNAS_DIRECT, /* the agent changes the user itself, and calls sudo only when it is not root */
	RUNAS_SU,     /* through su and sudo, with the words of the reference */
	RUNAS_METHOD_COUNT
};
const char *runas_method_name(enum runas_method method);	      /* "direct", "su" */
int runas_method_from_name(const char *name, enum runas_method *out); /* -1: not one */

/* What happens when a deployment fails at or after ApplicationStop (PRODUCT section 4). */
enum on_failure {
	ON_FAILURE_RESTORE,  /* the previous revision's files, then its ApplicationStart and ValidateService */
	ON_FAILURE_REDEPLOY, /* nothing by the worker; the daemon deploys the newest good revision again */
	ON_FAILURE_NONE,     /* things stay as they are: what the reference does */
	ON_FAILURE_COUNT
};
const char *on_failure_name(enum on_failure policy);		  /* "restore", ... */
int on_failure_from_name(const char *name, enum on_failure *out); /* -1: not one */

/* What the host's configuration says about every deployment; defaults from settings_defaults(). */
struct settings {
	char *deployment_root;	    /* .../deployment-root, absolute */
	char *install_prefix;	    /* "" or an absolute folder, put before every destination */
	char *file_exists_behavior; /* the host's default, NULL: DISALLOW */
	char *instance;		    /* what hooks are told about this host, NULL: nothing */
	char *region;		    /* the same */
	char *hooks_dir;	    /* of the host, absolute (lifecycle/host_hooks.h); NULL: none */
	char **variables; /* "NAME=VALUE" of the host for every hook, the later one wins; NULL-terminated, NULL: none */
	char *program_name;	     /* names the deployments log; NULL: "codedeploy-agent" */
	char *policy;		     /* the host's, absolute; NULL: everything is allowed */
	bool policy_needed;	     /* true: it must be there */
	unsigned max_revisions;	     /* >= 1, default 5 */
	unsigned hooks_timeout_s;    /* of each hook of the host, >= 1, default 3600 */
	uint64_t max_entries;	     /* of an archive: default 1,000,000 */
	uint64_t max_unpacked_bytes; /* default 20 GiB */
	uint64_t max_ratio; /* unpacked to packed bytes, default 1000; 0: any. Counts from 64 MiB unpacked on */
	enum outputs_left_open outputs_left_open; /* default wait */
	enum runas_method runas_method;		  /* default direct */
	bool refuse_outside_links;		  /* default false */
	bool deployments_log;			  /* default true */
	bool worker_threads;			  /* default true; false: one thread, for tests that count calls */
};

enum revision_type { REVISION_LOCAL_DIRECTORY, REVISION_LOCAL_FILE, REVISION_TYPE_COUNT };
const char *revision_type_name(enum revision_type type); /* "Local Directory", ... */

struct revision {
	enum revision_type type;
	char *location;	   /* absolute path */
	char *bundle_type; /* "directory", "tgz", "tar", "tar.zst", "zip": as asked; the content decides */
};

struct deployment {
	char *id; /* "d-XXXXXXXXX", "d-XXXXXXXXX-local" */
	char *application;
	char *group; /* deployment group id: names its folder */
	char *group_name;
	char *creator; /* "user" */
	char *type;    /* "IN_PLACE" */
	char *requested_by_login;
	unsigned requested_by_uid;
	char *requested_by_text;    /* NULL: none */
	char *appspec_filename;	    /* NULL: appspec.yml, then appspec.yaml */
	char *file_exists_behavior; /* the deployment's own, NULL: the host's default */
	bool compatible;	    /* called as codedeploy-local: its words */
	char *digest;		    /* "sha256:" and 64 hexadecimal digits that the bundle must have; NULL: any */
	char *plan_id;		    /* what `slipway plan` printed: refused when it is another one now; NULL: any */
	char *token;		    /* the client's own name for this request, so that it may repeat it; NULL: none */
	char **environment;	    /* "NAME=VALUE" for every hook, NULL-terminated; NULL: none */
	enum on_failure on_failure;
	bool force;	     /* deploy even what runs already */
	bool waits;	     /* for the group's lock, when another process has it; false: ERR_BUSY */
	bool outlives;	     /* a worker whose other end goes away carries on: the daemon finds it again */
	unsigned deadline_s; /* of the whole deployment, kept by whoever started the worker; 0: none */
	char **events;	     /* in the order asked; NULL-terminated; NULL: the default order */
	/* Of `slipway try`: what its user may not do is left out, hooks are told. Needs an install prefix; the socket
	 * takes no such request. */
	bool trial;
	char *fail_at; /* of a trial: the event that fails after its work, as ScriptFailed without a script */
	struct revision revision;
	struct settings settings;
};

void settings_defaults(struct settings *s, const char *deployment_root);
void settings_copy(struct settings *out, const struct settings *s); /* OUT is the caller's: settings_done() */
void settings_done(struct settings *s);
void deployment_done(struct deployment *d);
json_t *deployment_to_json(const struct deployment *d); /* new reference */
/* -1, ERR_STATE: not a request this version understands. OUT is the caller's: deployment_done(). */
int deployment_from_json(const json_t *json, struct deployment *out, struct err *err);
/* What a revision is as JSON: its members alone, for whoever has a request of its own. */
json_t *revision_to_json(const struct revision *r);				   /* new reference */
int revision_from_json(const json_t *json, struct revision *out, struct err *err); /* -1: OUT may hold something */
/* "2026-11-22T20:11:00.123Z" as milliseconds since 1970, the fraction may be missing; -1: it is none. */
int deployment_time_from_text(const char *text, int64_t *out_ms);
/* A new id: "d-" and nine of A-Z0-9 from the kernel's random source, and SUFFIX. The caller frees it. */
char *deployment_id_new(const char *suffix);

enum deployment_status {
	DEPLOYMENT_QUEUED,
	DEPLOYMENT_IN_PROGRESS,
	DEPLOYMENT_SUCCEEDED,
	DEPLOYMENT_FAILED,
	DEPLOYMENT_STOPPED,
	DEPLOYMENT_STATUS_COUNT
};
const char *deployment_status_name(enum deployment_status status); /* "Queued", "InProgress", ... */

enum event_status {
	EVENT_PENDING,
	EVENT_IN_PROGRESS,
	EVENT_SUCCEEDED,
	EVENT_FAILED,
	EVENT_SKIPPED,
	EVENT_UNKNOWN,
	EVENT_STATUS_COUNT
};
const char *event_status_name(enum event_status status);

struct event_result {
	char *event;
	enum event_status status;
	int64_t started_at_ms; /* since 1970; 0: not started */
	int64_t duration_ms;
	enum err_kind kind; /* ERR_NONE unless it failed */
	char *script;	    /* the failed one; NULL: none */
	int exit_code;	    /* of the failed script; -1: none */
	char *message;	    /* NULL: none */
	char *log_tail;	    /* at most 2048 bytes of output; NULL: none */
};

/* What bringing the previous revision back came to. Where there was none, "files" alone tells: undone to nothing. */
struct restore_result {
	bool tried;	/* false: there was no need, nobody wanted it, or a hook forbade it */
	bool files;	/* they are the old ones again */
	bool started;	/* its ApplicationStart went well */
	bool validated; /* the files were compared with its manifest, and its ValidateService went well */
	char *message;	/* what went wrong with it, or why it was not tried (no_restore); NULL: nothing to say */
};

struct file_counts {
	uint64_t planned, added, changed, unchanged, removed, retained, bytes;
};

struct deployment_result {
	enum deployment_status status;
	bool unchanged; /* this digest runs already: nothing was done ("changed":false) */
	int64_t created_at_ms, started_at_ms, finished_at_ms;
	char *revision_digest; /* "sha256:..."; NULL: a folder has none */
	struct file_counts files;
	struct event_result *events;
	size_t event_count;
	enum err_kind kind; /* of the failure */
	char *error_event;  /* NULL: none */
	char *error_message;
	char *error_action; /* what to do about it; NULL: nothing to say */
	struct restore_result restore;
	char *now;	  /* what runs now, one line for people; NULL: nothing to say */
	char **conflicts; /* every file that stands in the way, NULL-terminated; NULL: none */
	char **warnings;  /* NULL-terminated; NULL: none */
	bool needs_recovery;
};

void event_result_done(struct event_result *e);
json_t *event_result_to_json(const struct event_result *e); /* as in the document; new reference */
int event_result_from_json(const json_t *json, struct event_result *out, struct err *err);
void deployment_result_done(struct deployment_result *r);
/* The document of PRODUCT section 3. New reference. */
json_t *deployment_result_to_json(const struct deployment *d, const struct deployment_result *r);
int deployment_result_from_json(const json_t *json, struct deployment_result *out, struct err *err);
