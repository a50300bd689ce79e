/* util/thread.h - starting a thread that leaves signals to the main thread. */
#pragma once

#include <pthread.h>

/* 0, or -1 and errno. The caller joins it. */
int thread_start(pthread_t *thread, void *(*body)(void *context), void *context);
