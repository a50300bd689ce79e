/* appspec/appspec.h - what an appspec.yml says, and everything that is wrong with it.
 *
 * Pure: bytes in, values and findings out. Rules, defaults and texts are those of the CodeDeploy agent 1.8.1
 * (spec/codedeploy-agent.md sections 5.2-5.8) with PRODUCT section 4 "Decisions". Strings are bytes, NUL-terminated,
 * owned by the appspec. Unlike the reference every problem is found, not only the first.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define APPSPEC_MAX_BYTES (1024 * 1024)

struct appspec_place {
	unsigned line, column; /* from 1; 0: of the file as a whole */
};

enum file_exists {
	FILE_EXISTS_UNSET,
	FILE_EXISTS_DISALLOW,
	FILE_EXISTS_OVERWRITE,
	FILE_EXISTS_RETAIN,
	FILE_EXISTS_COUNT
};
const char *file_exists_name(enum file_exists behavior);	      /* "DISALLOW"; NULL when unset */
enum file_exists file_exists_from_name(const char *name, size_t len); /* case-sensitive; UNSET: not one */

struct appspec_file {
	const char *source, *destination; /* verbatim */
	struct appspec_place place;
};

struct appspec_script {
	const char *location; /* trimmed; for people: of a hook of the host "hooks.d/EVENT/NN-NAME", of a ready-made one
				 "use: NAME" */
	const char *path;     /* absolute, of a hook of the host (lifecycle/host_hooks.h); NULL: LOCATION in the
				 bundle */
	const char *use;      /* name of a ready-made hook (appspec/ready_hook.h); NULL: a script */
	const char *with;     /* its arguments: JSON, every default filled in; NULL: there are none */
	int timeout_s;	      /* > 0, default 3600 */
	const char *runas;    /* NULL: as the agent */
	bool sudo;
	bool own;			/* below 'slipway:': other agents do not run it */
	const char *const *environment; /* of the revision: "NAME=VALUE", NULL-terminated; NULL: none */
	struct appspec_place place;
};

struct appspec_hook {
	const char *event;
	struct appspec_script *scripts; /* the standard ones, then our own */
	size_t script_count;
	struct appspec_place place;
};

enum { APPSPEC_TYPE_FILE = 1, APPSPEC_TYPE_DIRECTORY = 2 };

enum acl_tag { ACL_TAG_USER, ACL_TAG_GROUP, ACL_TAG_MASK, ACL_TAG_OTHER };

struct appspec_acl {
	bool is_default;
	enum acl_tag tag;
	const char *name;      /* "" for the base entry */
	unsigned perms;	       /* 4 r, 2 w, 1 x */
	const char *canonical; /* "default:user:bob:rwx" */
};

struct appspec_context {
	const char *user, *type, *range; /* user and range may be NULL; range is canonical */
};

struct appspec_permission {
	const char *object, *pattern;
	const char *const *excepts;
	size_t except_count;
	unsigned types; /* APPSPEC_TYPE_* */
	const char *owner, *group;
	const char *mode_text; /* at least three digits, as written; NULL: none */
	mode_t mode;
	bool has_acls; /* given, perhaps empty */
	struct appspec_acl *acls;
	size_t acl_count;
	struct appspec_context *context; /* NULL: none */
	struct appspec_place place;
};

struct appspec_overwrite {
	const char *path;	   /* over destinations: appspec/path_glob.h */
	enum file_exists behavior; /* DISALLOW when a script decides */
	const char *policy;	   /* of the bundle: a script in Lua that decides; NULL: the behavior does */
	struct appspec_place place;
};
#define APPSPEC_MAX_OVERWRITES	1000
#define APPSPEC_MAX_ENVIRONMENT (128 * 1024) /* bytes of all its variables; the kernel takes that much in one */

struct appspec {
	const char *version; /* as written */
	const char *os;
	enum file_exists file_exists_behavior;
	struct appspec_file *files;
	size_t file_count;
	struct appspec_hook *hooks;
	size_t hook_count;
	struct appspec_permission *permissions;
	size_t permission_count;
	bool has_slipway;		      /* the key 'slipway:' is there; what follows is below it */
	const char *requires;		      /* the oldest slipway that will do, as written; NULL: any */
	struct appspec_overwrite *overwrites; /* the first that matches counts */
	size_t overwrite_count;
	const char *const *environment; /* for every hook: "NAME=VALUE", NULL-terminated; NULL: none */
	struct arena *arena;		/* owns all of the above */
};

enum finding_level { FINDING_ERROR, FINDING_WARNING };

struct finding {
	enum finding_level level;
	struct appspec_place place;
	const char *message; /* owned by the list */
};

/* A growing list of findings; zero-initialise, findings_done() gives back. */
struct findings {
	struct finding *items;
	size_t count, capacity, errors;
};
void findings_add(struct findings *f, enum finding_level level, struct appspec_place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void findings_done(struct findings *f);

/* Parse LEN bytes at TEXT. All errors and warnings go to FINDINGS with their places. -1 when there is any error, then
 * ERR (ERR_APPSPEC) tells the first in the order in which the reference checks, as "line L column C: message".
 * On success OUT is the caller's: appspec_free(). */
int appspec_parse(const char *text, size_t len, struct appspec **out, struct findings *findings, struct err *err);
/* The same for lint, which goes on after errors: what is left when entries that lack something they must have are taken
 * out (without a file of them, permissions and overwrites go, too). Never NULL, and not to be deployed when FINDINGS
 * got an error. The caller's: appspec_free(). */
struct appspec *appspec_parse_rest(const char *text, size_t len, struct findings *findings);
void appspec_free(struct appspec *a);

const struct appspec_hook *appspec_hook(const struct appspec *a, const char *event); /* NULL: none */
