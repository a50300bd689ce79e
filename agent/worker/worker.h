/* worker/worker.h - the worker process: one deployment or one unpacking, then gone. See worker/protocol.h for what goes
 * in and out. */
#pragma once

/* The worker's main(); returns its exit status: 0, or 1 when that or the request failed. */
int worker_main(void);
