# slipway: `make help` lists what can be made.
MODE ?= debug
O ?= build/$(MODE)
PREFIX ?= /usr
DESTDIR ?=
LIBEXECDIR ?= $(PREFIX)/libexec/slipway
LUADIR ?= $(PREFIX)/share/slipway/lua
HOOKDIR ?= $(PREFIX)/share/slipway/hooks
MANDIR ?= $(PREFIX)/share/man
CONFDIR ?= /etc/slipway
UNITDIR ?= $(PREFIX)/lib/systemd/system
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0

LIBS := yaml-0.1 jansson libarchive libzip libcrypto libacl zlib lua5.4
# Unpacks gzip in half of zlib's time; without it zlib does.
have_isal := $(shell pkg-config --exists libisal 2>/dev/null && echo yes)
LIBS += $(if $(have_isal),libisal)
CLI_LIBS := yaml-0.1 jansson libcrypto sqlite3 libsystemd zlib
have_libs := $(shell pkg-config --exists $(LIBS) $(CLI_LIBS) cmocka 2>/dev/null && echo yes)

# Two jobs unless the caller says how many; steps that must follow one another are lines of one recipe.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j2
endif

FLAGS.debug := -O1 -g3
FLAGS.release := -O2 -g -D_FORTIFY_SOURCE=3
FLAGS.asan := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS.fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Counts are not written at exec: whoever runs a hook as another user could not, and would say so in the hook's log.
FLAGS.coverage := -O0 -g --coverage -fno-builtin-execv -fno-builtin-execve -fno-builtin-execvpe
CPPFLAGS += -D_GNU_SOURCE -Iagent -DSLIPWAY_VERSION='"$(VERSION)"' -DSLIPWAY_LIBEXECDIR='"$(LIBEXECDIR)"'
CPPFLAGS += $(if $(have_isal),-DSLIPWAY_HAVE_ISAL) -DSLIPWAY_LUADIR='"$(LUADIR)"' \
	-DSLIPWAY_HOOKDIR='"$(HOOKDIR)"'
CFLAGS += -std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wvla -Werror -fPIE -fstack-protector-strong -pthread $(if $(have_libs),$(shell pkg-config --cflags $(LIBS)))
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread
LDLIBS += -lm

MAINS := agent/main.c agent/worker_main.c
# Linked to libcurl and loaded by who needs it: agent/net/http_module.h says why.
HTTP_MODULE := agent/net/http_module.c
# The same with libsystemd: agent/script/systemd_module.h.
SYSTEMD_MODULE := agent/script/systemd_module.c
LEFT_OUT := $(MAINS) $(HTTP_MODULE) $(SYSTEMD_MODULE) $(if $(have_isal),,agent/bundle/gunzip_isal.c)
CORE := $(patsubst %.c,$(O)/%.o,$(filter-out $(LEFT_OUT),$(shell find agent -name '*.c' | sort)))
UNIT := $(patsubst tests/unit/%.c,$(O)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
CRASH := $(patsubst tests/crash/%.c,$(O)/crash/%,$(sort $(wildcard tests/crash/test_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,$(O)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SECONDS ?= 60
# What the fuzz targets need of agent/, so that they are built in seconds.
FUZZ_CORE := $(filter $(patsubst %,$(O)/agent/%,util/% format/% model/% config/% appspec/% \
	worker/worker_messages.o worker/%_request.o control/deploy_request.o bundle/pack_type.o \
	lifecycle/event.o),$(CORE))
# What several tests share: every file of the two folders that is not itself a test.
TESTKIT := $(patsubst %.c,$(O)/%.o,$(filter-out tests/unit/test_% tests/crash/test_%, \
	$(sort $(wildcard tests/unit/*.c tests/crash/*.c))))
DEPS_BUILD := gcc clang make pkg-config libyaml-dev libjansson-dev libarchive-dev libssl-dev libacl1-dev \
	zlib1g-dev libisal-dev libsqlite3-dev libzip-dev liblua5.4-dev libcurl4-openssl-dev libsystemd-dev
DEPS_TEST := libcmocka-dev python3 python3-pytest python3-jsonschema libarchive-tools acl nginx-light \
	curl util-linux clang-format shellcheck procps lua-check openssl zip git debhelper lintian fakeroot debootstrap systemd \
	libclang-rt-14-dev dbus-daemon haproxy
DEPS_BENCH := rsync libarchive-tools e2fsprogs
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

all: need-deps $(O)/slipway $(O)/worker $(O)/slipway-http.so $(O)/slipway-systemd.so ## build the agent (MODE=debug|release|asan|coverage)

deps: ## install what building and testing need (Debian 12, through apt)
	@missing=; for p in $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_BENCH); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
		$(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -q --no-install-recommends $$missing; fi

need-deps:
	@pkg-config --exists $(LIBS) $(CLI_LIBS) libcurl 2>/dev/null || { echo "libraries are missing: run 'make deps' first"; exit 1; }

$(O)/core.a: $(CORE)
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/slipway: $(O)/agent/main.o $(O)/core.a
	$(CC) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) $^ $$(pkg-config --libs $(CLI_LIBS)) $(LDLIBS) -o $@

$(O)/worker: $(O)/agent/worker_main.o $(O)/core.a
	$(CC) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) $^ $$(pkg-config --libs $(LIBS)) $(LDLIBS) -o $@

$(O)/slipway-http.so: $(HTTP_MODULE) agent/net/http_module.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS)) $(FLAGS.$(MODE)) -fPIC -shared $(filter-out -pie,$(LDFLAGS)) $< \
		$$(pkg-config --cflags --libs libcurl) -o $@

$(O)/slipway-systemd.so: $(SYSTEMD_MODULE) agent/script/systemd_module.h agent/script/systemd_client.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS)) $(FLAGS.$(MODE)) -fPIC -shared $(filter-out -pie,$(LDFLAGS)) $< \
		$$(pkg-config --cflags --libs libsystemd) -o $@

$(O)/agent/script/embedded.o: $(shell find lua/slipway -name '*.lua')
$(O)/agent/appspec/ready_hook_texts.o: $(wildcard hooks/*.lua)
$(O)/agent/worker/hook_test_texts.o: $(wildcard lua/test/*.lua)

$(O)/testkit.a: $(TESTKIT)
	@rm -f $@
	$(AR) rcs $@ $^

LINK_TEST = $(CC) $(CPPFLAGS) $(TEST_INCLUDES) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) -MMD -MP -MF $@.d $< \
	$(O)/testkit.a $(O)/core.a $$(pkg-config --libs $(LIBS) $(CLI_LIBS) cmocka) $(LDLIBS) -o $@
TEST_INCLUDES := -Itests/unit -Itests/crash

# Modules lie beside the program.
$(O)/unit/slipway-systemd.so: $(O)/slipway-systemd.so
	@mkdir -p $(@D)
	ln -sf ../$(@F) $@

$(O)/unit/test_script_memory: | $(O)/unit/slipway-systemd.so $(O)/service_manager

$(O)/unit/%: tests/unit/%.c $(O)/testkit.a $(O)/core.a
	@mkdir -p $(@D)
	$(LINK_TEST)

$(O)/crash/%: tests/crash/%.c $(O)/testkit.a $(O)/core.a
	@mkdir -p $(@D)
	$(LINK_TEST)

$(O)/bench/%: tests/bench/%.c $(O)/testkit.a $(O)/core.a
	@mkdir -p $(@D)
	$(LINK_TEST)

# What some tests ask instead of systemd.
$(O)/service_manager: tests/integration/service_manager.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(FLAGS.$(MODE)) $(LDFLAGS) $< $$(pkg-config --cflags --libs libsystemd) -o $@

$(O)/fuzz.a: $(FUZZ_CORE)
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/fuzz_%: tests/fuzz/fuzz_%.c $(O)/fuzz.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(FLAGS.$(MODE)) -fsanitize=fuzzer $(LDFLAGS) -MMD -MP -MF $@.d $< $(O)/fuzz.a \
		$$(pkg-config --libs $(LIBS) $(CLI_LIBS)) $(LDLIBS) -o $@

$(O)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(TEST_INCLUDES) $(CFLAGS) $(FLAGS.$(MODE)) -MMD -MP -c $< -o $@

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(FLAGS.$(MODE)) -MMD -MP -c $< -o $@

.SECONDARY:
.PHONY: all deps need-deps tests unit crash seeded integration check asan demo bench fuzz fuzz-run coverage format check-format \
	install deb clean help

tests: need-deps $(UNIT) $(CRASH) $(O)/service_manager # built, not run

unit: $(UNIT) ## the unit tests alone
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done

crash: $(CRASH) ## the crash, fault and ordering tests alone
	@for t in $(CRASH); do echo "== $$t"; $$t || exit 1; done

seeded: $(CRASH) ## mistakes made in a copy of the code, each of which the crash tests must notice (a minute)
	@$(PYTHON) -B tests/crash/seeded/run $(O)

integration: all $(O)/service_manager ## the integration tests alone (K=expression selects some)
	SLIPWAY_BUILD=$(abspath $(O)) $(PYTHON) -B -m pytest -q -p no:cacheprovider $(if $(K),-k '$(K)') tests/integration

check: deps ## everything that must be green, with a summary (installs what is missing)
	@MODE=$(MODE) O=$(O) PYTHON=$(PYTHON) MAKE='$(MAKE)' tests/check

asan: ## `make check` under the address and undefined-behaviour sanitizers
	@$(MAKE) MODE=asan O=build/asan check

demo: deps ## three deployments of a small nginx site in a throwaway folder (about ten seconds)
	@$(MAKE) MODE=release O=build/release all
	@demo/run build/release

bench: deps ## durable deployments against bsdtar, cp and rsync (root; BENCH_RUNS=5, BENCH_ONLY=pattern)
	@$(MAKE) MODE=release O=build/release all build/release/bench/state
	@$(PYTHON) -B tests/bench/bench.py --build build/release

fuzz: deps ## hostile input for every fuzz target (FUZZ_SECONDS=60 each); what breaks lies in build/fuzz
	@$(MAKE) MODE=fuzz O=build/fuzz CC=clang fuzz-run

fuzz-run: $(FUZZ)
	@for f in $(FUZZ); do tests/fuzz/run $$f $(FUZZ_SECONDS) || exit 1; done

# The files of the counts are made before and belong to everybody: some tests run a program as another user.
coverage: deps ## which lines and branches the tests reach; fails below 95 % of the branches of appspec, plan and policy
	@$(MAKE) -s MODE=coverage O=build/coverage all tests
	@find build/coverage -name '*.gcda' -delete
	@find build/coverage -name '*.gcno' | sed 's/gcno$$/gcda/' | xargs touch
	@find build/coverage -name '*.gcda' -exec chmod 666 {} +
	@MODE=coverage O=build/coverage PYTHON=$(PYTHON) MAKE='$(MAKE)' tests/check
	@find build/coverage -name '*.gcda' -empty -delete # never run
	@$(PYTHON) -B tests/coverage build/coverage

FORMATTED = $(shell find agent tests -name '*.[ch]' | sort)
format: ## apply .clang-format to the C files
	clang-format -i $(FORMATTED)

check-format: ## say which C files differ from .clang-format
	clang-format --dry-run --Werror $(FORMATTED)

# The name codedeploy-local is not installed: who wants it makes the link (HACKING.md).
install: all ## into DESTDIR and PREFIX, as MODE says (MODE=release for use)
	install -D -m 0755 $(O)/slipway $(DESTDIR)$(PREFIX)/bin/slipway
	install -D -m 0755 $(O)/worker $(DESTDIR)$(LIBEXECDIR)/worker
	install -D -m 0755 $(O)/slipway-http.so $(DESTDIR)$(LIBEXECDIR)/slipway-http.so
	install -D -m 0755 $(O)/slipway-systemd.so $(DESTDIR)$(LIBEXECDIR)/slipway-systemd.so
	cd lua && find slipway -name '*.lua' -exec install -D -m 0644 '{}' '$(DESTDIR)$(LUADIR)/{}' ';'
	install -d -m 0755 $(DESTDIR)$(HOOKDIR) && install -m 0644 hooks/*.lua $(DESTDIR)$(HOOKDIR)
	install -d -m 0755 $(DESTDIR)$(CONFDIR)/conf.d $(DESTDIR)$(CONFDIR)/hooks.d
	test -e $(DESTDIR)$(CONFDIR)/slipway.yml || \
		install -m 0644 packaging/slipway.yml $(DESTDIR)$(CONFDIR)/slipway.yml
	test -z '$(UNITDIR)' || { install -d -m 0755 $(DESTDIR)$(UNITDIR) && sed 's|/usr/bin/slipway|$(PREFIX)/bin/slipway|' \
		packaging/slipway.service >$(DESTDIR)$(UNITDIR)/slipway.service; }
	install -D -m 0644 packaging/completions/slipway $(DESTDIR)$(PREFIX)/share/bash-completion/completions/slipway
	for section in 1 5 7 8; do for page in packaging/man/*.$$section; do \
		if [ -e "$$page" ]; then \
			install -D -m 0644 "$$page" "$(DESTDIR)$(MANDIR)/man$$section/$${page##*/}"; fi; done; done

# Built in a copy, since dpkg leaves its results beside the folder it builds in; what make was told here is not meant.
deb: deps ## a Debian package, in build/deb (about a minute)
	rm -rf build/deb
	mkdir -p build/deb/slipway
	tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C build/deb/slipway
	cd build/deb/slipway && env -u MAKEFLAGS -u MFLAGS -u MODE -u O dpkg-buildpackage -us -uc -b
	rm -rf build/deb/slipway

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

-include $(shell find $(O) -name '*.d' 2>/dev/null)
