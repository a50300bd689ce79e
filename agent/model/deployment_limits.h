/* model/deployment_limits.h - how much a request or a result that comes from outside may hold. */
#pragma once

#define MAX_NAME    255 /* bytes: a folder's name */
#define MAX_MESSAGE 65536
#define MAX_EVENTS  200
#define MAX_LIST    1000000 /* conflicts: as many as a bundle may have entries */
