/* worker_main.c - /usr/libexec/slipway/worker. */
#include "worker/hook_compile.h"
#include "worker/hook_try.h"
#include "worker/host_policy.h"
#include "worker/worker.h"

#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--hook"))
		return hook_try_main(argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "--policy"))
		return host_policy_main(argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "--compile"))
		return hook_compile_main(argc - 2, argv + 2);
	return worker_main();
}
