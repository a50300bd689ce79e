/* appspec/lint_targets.h - do the permissions meet anything that the files install? Part of lint_bundle(). */
#pragma once

#include "appspec/appspec.h"
#include "model/tree.h"

void lint_targets(const struct appspec *a, const struct tree *tree, struct findings *f);
