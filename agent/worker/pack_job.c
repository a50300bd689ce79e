/* worker/pack_job.c - pack, and put what came of it into words. */
#include "worker/pack_job.h"

#include "util/auto.h"
#include "util/str.h"

static int pack(const struct pack_request *r, mode_t mask, const atomic_bool *stop, struct pack_answer *out,
		struct err *err)
{
	const struct pack_options options = {
		.type = r->type,
		.latest_s = (int64_t)r->latest_s,
		.mode = 0666 & ~mask,
		.stop = stop,
	};
	struct pack_report report;

	if (pack_folder(r->folder, r->output, &options, &report, err) < 0)
		return -1;
	out->entries = report.entries;
	out->files = report.files;
	out->bytes = report.bytes;
	out->size = report.size;
	out->digest = xmalloc(DIGEST_HEX_SIZE);
	digest_hex(report.digest, out->digest);
	out->warnings = warnings_list(&report.warnings);
	pack_report_done(&report);
	return 0;
}

int pack_job_run(const struct pack_request *r, mode_t mask, const atomic_bool *stop, struct pack_answer *out,
		 struct err *err)
{
	*out = (struct pack_answer){ 0 };
	if (pack(r, mask, stop, out, err) == 0)
		return 0;
	out->kind = err->kind;
	out->message = xstrdup(err->msg);
	return -1;
}
