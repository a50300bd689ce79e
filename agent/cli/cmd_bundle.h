/* cli/cmd_bundle.h - `slipway bundle DIR`: lint a folder and pack it. */
#pragma once

int cmd_bundle(int argc, char **argv);
