# slipway: `make help` lists what can be made.
MODE ?= debug
O ?= build/$(MODE)
PREFIX ?= /usr
DESTDIR ?=
LIBEXECDIR ?= $(PREFIX)/libexec/slipway
MANDIR ?= $(PREFIX)/share/man
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

LIBS := yaml-0.1 jansson libarchive libcrypto libacl zlib
CLI_LIBS := yaml-0.1 jansson libcrypto
have_libs := $(shell pkg-config --exists $(LIBS) cmocka 2>/dev/null && echo yes)

FLAGS.debug := -O1 -g3
FLAGS.release := -O2 -g -D_FORTIFY_SOURCE=3
FLAGS.asan := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS.coverage := -O0 -g --coverage
CPPFLAGS += -D_GNU_SOURCE -Iagent -DSLIPWAY_VERSION='"$(VERSION)"' -DSLIPWAY_LIBEXECDIR='"$(LIBEXECDIR)"'
CFLAGS += -std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Werror -fPIE -fstack-protector-strong -pthread $(if $(have_libs),$(shell pkg-config --cflags $(LIBS)))
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread

MAINS := agent/main.c agent/worker_main.c
CORE := $(patsubst %.c,$(O)/%.o,$(filter-out $(MAINS),$(shell find agent -name '*.c' | sort)))
UNIT := $(patsubst tests/unit/%.c,$(O)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
DEPS_BUILD := gcc clang make pkg-config libyaml-dev libjansson-dev libarchive-dev libssl-dev libacl1-dev zlib1g-dev
DEPS_TEST := libcmocka-dev python3 python3-pytest libarchive-tools acl nginx-light curl util-linux clang-format
DEPS_BENCH := rsync libarchive-tools e2fsprogs
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

all: need-deps $(O)/slipway $(O)/worker ## build the agent (MODE=debug|release|asan|coverage)

deps: ## install what building and testing need (Debian 12, through apt)
	@missing=; for p in $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_BENCH); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
		$(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -q --no-install-recommends $$missing; fi

need-deps:
	@pkg-config --exists $(LIBS) 2>/dev/null || { echo "libraries are missing: run 'make deps' first"; exit 1; }

$(O)/core.a: $(CORE)
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/slipway: $(O)/agent/main.o $(O)/core.a
	$(CC) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) $^ $$(pkg-config --libs $(CLI_LIBS)) -o $@

$(O)/worker: $(O)/agent/worker_main.o $(O)/core.a
	$(CC) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) $^ $$(pkg-config --libs $(LIBS)) -o $@

$(O)/unit/%: tests/unit/%.c $(O)/core.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit -Itests/crash $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) -MMD -MP -MF $@.d $< $(O)/core.a \
		$$(pkg-config --libs $(LIBS) cmocka) -o $@

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(FLAGS.$(MODE)) -MMD -MP -c $< -o $@

.PHONY: all deps need-deps unit help
.SECONDARY:
unit: $(UNIT) ## the unit tests alone
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

-include $(shell find $(O) -name '*.d' 2>/dev/null)
