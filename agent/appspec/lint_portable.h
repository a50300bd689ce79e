/* appspec/lint_portable.h - what the CodeDeploy agents would make of the document. Part of lint_text(). */
#pragma once

#include "appspec/appspec.h"
#include "format/yaml.h"

void lint_portable_document(const struct yml_node *root, struct findings *f);
