/* installer/policy.h - what becomes of a file that stands where a file of the bundle is to go. Pure.
 *
 * Source: spec/codedeploy-agent.md section 7.4, PRODUCT section 4 "Overwrite policy".
 */
#pragma once

#include "appspec/appspec.h"

#include <stdbool.h>

enum verdict { VERDICT_WRITE, VERDICT_RETAIN, VERDICT_REFUSE };

/* EXISTS: something stands there that counts (a dangling link does not). OURS: our group's last successful revision
 * installed it, so that it would go anyway. FILE_EXISTS_UNSET means DISALLOW. */
enum verdict policy_verdict(enum file_exists behavior, bool exists, bool ours);

/* The behaviour in force: the appspec's, else the deployment's, else the host's, else DISALLOW. */
enum file_exists policy_behavior(enum file_exists appspec, enum file_exists deployment, enum file_exists host);
