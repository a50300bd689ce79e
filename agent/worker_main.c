/* worker_main.c - /usr/libexec/slipway/worker. */
#include "worker/worker.h"

int main(void)
{
	return worker_main();
}
