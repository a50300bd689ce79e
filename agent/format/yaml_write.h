/* format/yaml_write.h - write a YAML document, one value after the other, by libyaml's emitter.
 *
 * What is written is read back as the same by YAML 1.1 (as format/yaml.h has it) and by YAML 1.2: a text that either
 * might take for something else is quoted, a number is written so that both take it for the number. Lists and mappings
 * are in block style.
 * In a mapping keys and values are added in turn. To break these rules, or to end more than was begun, is the caller's
 * mistake.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct yml_writer;

struct yml_writer *yml_writer_new(size_t max); /* bytes of the document */
void yml_writer_free(struct yml_writer *w);    /* NULL is fine */

/* ERR_STATE: the document is over its limit, or a text is not UTF-8. After an error nothing more can be added. */
int yml_write_null(struct yml_writer *w, struct err *err);
int yml_write_bool(struct yml_writer *w, bool value, struct err *err);
int yml_write_int(struct yml_writer *w, int64_t value, struct err *err);
int yml_write_float(struct yml_writer *w, double value, struct err *err);
int yml_write_text(struct yml_writer *w, const char *text, size_t len, struct err *err);
int yml_write_list(struct yml_writer *w, struct err *err);
int yml_write_list_end(struct yml_writer *w, struct err *err);
int yml_write_map(struct yml_writer *w, struct err *err);
int yml_write_map_end(struct yml_writer *w, struct err *err);
/* The document is complete: OUT and LEN are borrowed from W. */
int yml_writer_finish(struct yml_writer *w, const char **out, size_t *len, struct err *err);
