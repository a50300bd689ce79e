/* format/yaml_write.c - events for libyaml's emitter, and the question which texts need quotes. */
#include "format/yaml_write.h"

#include "format/yaml_scalar.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct yml_writer {
	yaml_emitter_t emitter;
	struct scalar_rules rules;
	struct str out;
};

static int take(void *data, unsigned char *bytes, size_t len)
{
	return str_append(data, (const char *)bytes, len) == 0;
}

static int emit(struct yml_writer *w, yaml_event_t *event, int made, struct err *err)
{
	if (!made)
		return err_set(err, ERR_STATE, "a text that is not UTF-8");
	if (yaml_emitter_emit(&w->emitter, event)) /* it owns the event whatever it returns */
		return 0;
	if (w->emitter.error == YAML_WRITER_ERROR)
		return err_set(err, ERR_STATE, "a document of more than %zu bytes", w->out.max);
	return err_set(err, ERR_STATE, "%s", w->emitter.problem ? w->emitter.problem : "libyaml cannot write it");
}

struct yml_writer *yml_writer_new(size_t max)
{
	struct yml_writer *w = xcalloc(1, sizeof(*w));
	struct err err = ERR_INIT;
	yaml_event_t event;

	w->out = STR_INIT(max);
	scalar_rules_init(&w->rules);
	if (!yaml_emitter_initialize(&w->emitter))
		abort(); /* no memory: as for any other */
	yaml_emitter_set_output(&w->emitter, take, &w->out);
	yaml_emitter_set_unicode(&w->emitter, 1);
	yaml_emitter_set_width(&w->emitter, -1);
	/* neither can fail: nothing is written out yet */
	(void)emit(w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &err);
	(void)emit(w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &err);
	return w;
}

void yml_writer_free(struct yml_writer *w)
{
	if (!w)
		return;
	yaml_emitter_delete(&w->emitter);
	scalar_rules_done(&w->rules);
	str_done(&w->out);
	free(w);
}

static int write_scalar(struct yml_writer *w, const char *text, size_t len, yaml_scalar_style_t style, struct err *err)
{
	yaml_event_t event;
	int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1, style);

	return emit(w, &event, made, err);
}

static int write_plain(struct yml_writer *w, const char *text, struct err *err)
{
	return write_scalar(w, text, strlen(text), YAML_PLAIN_SCALAR_STYLE, err);
}

int yml_write_null(struct yml_writer *w, struct err *err)
{
	return write_plain(w, "null", err);
}

int yml_write_bool(struct yml_writer *w, bool value, struct err *err)
{
	return write_plain(w, value ? "true" : "false", err);
}

int yml_write_int(struct yml_writer *w, int64_t value, struct err *err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	return write_plain(w, text, err);
}

/* The fewest digits that give VALUE again. Without a point it would be text ("1e+20") or a whole number. */
int yml_write_float(struct yml_writer *w, double value, struct err *err)
{
	char digits[40], text[48];

	if (!isfinite(value))
		return write_plain(w, isnan(value) ? ".nan" : value < 0 ? "-.inf" : ".inf", err);
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(digits, sizeof(digits), "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}

	size_t whole = strcspn(digits, ".e");

	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)whole, digits, digits[whole] == '.' ? "" : ".0",
		       digits + whole);
	return write_plain(w, text, err);
}

/* May it stand without quotes? Dates, the numbers of YAML 1.2 and the like begin with a digit, a sign or a point; `y`
 * and `n` are booleans to some. */
static bool is_clear(const struct yml_writer *w, const char *text, size_t len)
{
	struct yml_node n = { .text = text, .len = len };

	if (!len || (!isalpha((unsigned char)*text) && *text != '/' && *text != '_') || memchr(text, '\0', len))
		return false;
	if (len == 1 && strchr("yYnN", *text))
		return false;
	scalar_resolve(&w->rules, &n);
	return n.type == YML_TEXT;
}

int yml_write_text(struct yml_writer *w, const char *text, size_t len, struct err *err)
{
	yaml_scalar_style_t style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;

	if (is_clear(w, text, len))
		style = memchr(text, '\n', len) ? YAML_LITERAL_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
	return write_scalar(w, text, len, style, err);
}

int yml_write_list(struct yml_writer *w, struct err *err)
{
	yaml_event_t event;

	return emit(w, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
		    err);
}

int yml_write_list_end(struct yml_writer *w, struct err *err)
{
	yaml_event_t event;

	return emit(w, &event, yaml_sequence_end_event_initialize(&event), err);
}

int yml_write_map(struct yml_writer *w, struct err *err)
{
	yaml_event_t event;

	return emit(w, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
		    err);
}

int yml_write_map_end(struct yml_writer *w, struct err *err)
{
	yaml_event_t event;

	return emit(w, &event, yaml_mapping_end_event_initialize(&event), err);
}

int yml_writer_finish(struct yml_writer *w, const char **out, size_t *len, struct err *err)
{
	yaml_event_t event;

	if (emit(w, &event, yaml_document_end_event_initialize(&event, 1), err) < 0 ||
	    emit(w, &event, yaml_stream_end_event_initialize(&event), err) < 0)
		return -1;
	*out = str_text(&w->out);
	*len = w->out.len;
	return 0;
}
