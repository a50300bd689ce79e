/* appspec/appspec_json.h - an appspec and its findings as `slipway lint --json` prints them (PRODUCT section 3). */
#pragma once

#include "appspec/appspec.h"

#include <jansson.h>

/* {version,os,files,hooks,permissions,file_exists_behavior}. New reference. A byte that is no UTF-8 shows as \xNN. */
json_t *appspec_to_json(const struct appspec *a);
/* {"ok","errors":[{"line","column","message"}],"warnings":[...],"appspec"}; A may be NULL. New reference. */
json_t *appspec_lint_to_json(bool ok, const struct appspec *a, const struct findings *f);
