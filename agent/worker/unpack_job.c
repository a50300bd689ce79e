/* worker/unpack_job.c - unpack, and put what came of it into words. */
#include "worker/unpack_job.h"

#include "bundle/unpack.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

static int unpack(const struct unpack_request *r, const atomic_bool *stop, struct unpack_answer *out, struct err *err)
{
	const struct unpack_options options = {
		.max_entries = r->max_entries,
		.max_bytes = r->max_bytes,
		.max_ratio = r->max_ratio,
		.silent_about_links = true, /* whoever looks at the folder sees them */
		.threads = true,
		.stop = stop,
	};
	AUTO_FD int fd = fs_open_dir(r->folder, err);
	struct digest_index *digests = fd < 0 ? NULL : digest_index_new();
	struct unpack_report report;
	int failed = fd < 0 ? -1 : unpack_archive(r->location, fd, &options, digests, &report, err);

	digest_index_free(digests);
	if (failed)
		return -1;
	out->warnings = warnings_list(&report.warnings);
	unpack_report_done(&report);
	return 0;
}

int unpack_job_run(const struct unpack_request *r, const atomic_bool *stop, struct unpack_answer *out, struct err *err)
{
	*out = (struct unpack_answer){ 0 };
	if (unpack(r, stop, out, err) == 0)
		return 0;
	out->kind = err->kind;
	out->message = xstrdup(err->msg);
	return -1;
}
