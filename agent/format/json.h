/* format/json.h - JSON objects from somebody else, read field by field and checked like a stranger's.
 *
 * Open an object with jobject_open(), take its fields, and close with jobject_end() where an unknown key is an
 * error. Every failure is ERR_STATE and names the object and the key. A field that is null counts as absent.
 */
#pragma once

#include "util/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jobject {
	const json_t *json; /* borrowed */
	const char *what;   /* "request": how messages call it; borrowed */
	size_t seen;	    /* keys that were asked for and are there */
};

int jobject_open(const json_t *json, const char *what, struct jobject *out, struct err *err);
/* -1: there are keys that nobody asked for. */
int jobject_end(const struct jobject *o, struct err *err);

/* The value as it is, borrowed; NULL: absent. */
const json_t *jobject_get(struct jobject *o, const char *key);
/* 1: *OUT is the caller's, at most MAX bytes, no NUL inside; 0: absent, *OUT untouched. Takes what jbytes() makes. */
int jobject_string(struct jobject *o, const char *key, size_t max, char **out, struct err *err);
/* The same where absence is an error. */
int jobject_need_string(struct jobject *o, const char *key, size_t max, char **out, struct err *err);
/* 1: *OUT is NULL-terminated and the caller's: jstrings_free(). 0: absent. */
int jobject_strings(struct jobject *o, const char *key, size_t max_count, size_t max, char ***out, struct err *err);
/* Both must be there. */
int jobject_number(struct jobject *o, const char *key, uint64_t min, uint64_t max, uint64_t *out, struct err *err);
int jobject_bool(struct jobject *o, const char *key, bool *out, struct err *err);
/* A name of the COUNT that NAME_OF knows. 1: *OUT is its index; 0: absent. */
int jobject_name(struct jobject *o, const char *key, const char *(*name_of)(int), int count, int *out, struct err *err);

/* New references. NULL bytes: null. */
json_t *jbytes(const char *bytes); /* a string, or {"hex":".."} when BYTES are no UTF-8 */
json_t *jtext(const char *text);   /* for people: see format/plain.h; lines stay */
json_t *jpath(const char *path);   /* for people: every byte shown, on one line */
json_t *jstrings(char *const *list, json_t *(*each)(const char *)); /* NULL: null */

void jstrings_free(char **list); /* NULL is fine */
