# Builds, shows, tests and installs libetcd_v2. Needs Rust, a C compiler and GNU make. `make help` lists the targets.

CARGO ?= cargo
INSTALL ?= install
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
DATADIR ?= $(PREFIX)/share

# where cargo puts a release
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
OUT ?= $(TARGET)/release

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# the number of the ABI: changes when a program linked before would break
ABI := 0

ifeq ($(shell uname -s),Darwin)
BUILT := libetcd_v2.dylib
REAL := libetcd_v2.$(VERSION).dylib
SONAME := libetcd_v2.$(ABI).dylib
LINK := libetcd_v2.dylib
STATIC_LIBS := -framework Security -lSystem -lc -lm
else
BUILT := libetcd_v2.so
REAL := libetcd_v2.so.$(VERSION)
SONAME := libetcd_v2.so.$(ABI)
LINK := libetcd_v2.so
# what `rustc --print native-static-libs` says; a test compares
STATIC_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
endif
# compilers add the unwinder themselves, in the form that suits: with -static there is no libgcc_s
PC_STATIC_LIBS := $(filter-out -lgcc_s,$(STATIC_LIBS))

.PHONY: all build etcd2ctl demo test test-loaded histories full bench bench-watch bench-submit storm chaos chaos-compared install uninstall clean help
.DEFAULT_GOAL := all

all: build

# The .pc file beside the library describes the build tree, so that a program can be tried before anything is installed.
build:
	@command -v $(firstword $(CARGO)) >/dev/null || { echo "no $(CARGO) found: install Rust 1.85 or later (https://rustup.rs)" >&2; exit 1; }
	$(CARGO) build --release --locked --lib
	@ln -sf $(BUILT) "$(OUT)/$(SONAME)"
	@$(call pc,$${pcfiledir},$${pcfiledir},$(CURDIR)/include) >"$(OUT)/etcd_v2.pc"
	@echo "built $(OUT)/$(BUILT), $(OUT)/libetcd_v2.a and $(OUT)/etcd_v2.pc"

# the tool of examples-c/etcd2ctl, which finds the library where it was built
etcd2ctl: build
	$(CC) -std=c99 -O2 $(CFLAGS) -Wall -Wextra -Wpedantic -Iinclude examples-c/etcd2ctl/*.c -o "$(OUT)/etcd2ctl" \
		-L"$(OUT)" -letcd_v2 -Wl,-rpath,"$$(cd "$(OUT)" && pwd)" $(LDFLAGS)
	@echo "built $(OUT)/etcd2ctl"

demo: build
	@CC="$(CC)" CFLAGS="$(CFLAGS)" sh tests/tools/demo.sh "$(OUT)"

test: build
	@CARGO="$(CARGO)" CC="$(CC)" sh tests/tools/test.sh "$(OUT)" $(ARGS)

# the suite on a busy machine
RUNS ?= 5
LOOPS ?= 4
test-loaded: build
	@CARGO="$(CARGO)" CC="$(CC)" sh tests/tools/loaded.sh "$(OUT)" $(RUNS) $(LOOPS)

# All short histories of a store, a path and a watcher, or a caller of watch_once, and 100,000 random longer ones of each.
# Slices of it: PART=3/16 is the third of sixteen. One thread; without link-time optimisation it is as fast, and built sooner.
PART ?= 1/1
histories:
	ETCD_V2_TEST_HISTORIES=long ETCD_V2_TEST_PART=$(PART) CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_TEST_OPT_LEVEL=1 \
		$(CARGO) test --locked --lib -- --test-threads=1 --nocapture histories

# everything that takes longer than a change should wait for
full: test histories test-loaded storm chaos

bench: build
	@CARGO="$(CARGO)" CC="$(CC)" sh benches/figures.sh "$(OUT)"

bench-watch:
	@sh tests/tools/with-etcd.sh $(CARGO) bench --locked --bench watchers -- @URL@ 10000 5000

bench-submit:
	@$(CARGO) bench --locked --bench submit -- 50000 256

# seconds, threads, version of etcd, and the seed if a run is to be had again
CHAOS ?= 600 8 3.4

chaos:
	@$(CARGO) bench --locked --bench chaos -- $(CHAOS)

chaos-compared:
	@CHAOS_BESIDE=$$(sh benches/go-client/build.sh) && export CHAOS_BESIDE && $(CARGO) bench --locked --bench chaos -- $(CHAOS)

# The long form of tests/storm: writes behind cut connections, seconds of members that come and go, foreign writes beside
# a quiet watch, watchers that share the reads of a member, seconds of the fastest writes beside a quiet watch.
STORM_WRITES ?= 100000
STORM_SECONDS ?= 300
STORM_FOREIGN ?= 1000000
STORM_WATCHERS ?= 3000
STORM_FASTEST ?= 600
storm: build
	@ETCD_V2_STORM_WRITES=$(STORM_WRITES) ETCD_V2_STORM_SECONDS=$(STORM_SECONDS) ETCD_V2_STORM_FOREIGN=$(STORM_FOREIGN) \
		ETCD_V2_STORM_WATCHERS=$(STORM_WATCHERS) ETCD_V2_STORM_FASTEST=$(STORM_FASTEST) \
		RUST_TEST_NOCAPTURE=1 RUST_TEST_THREADS=1 CARGO="$(CARGO)" CC="$(CC)" \
		sh tests/tools/test.sh "$(OUT)" --release --test=storm $(ARGS)

# Does not build when there is a library already, so that `make && sudo make install` leaves no files of root behind.
install: $(shell [ -e "$(OUT)/$(BUILT)" ] || echo build)
	$(INSTALL) -d "$(DESTDIR)$(LIBDIR)" "$(DESTDIR)$(INCLUDEDIR)" "$(DESTDIR)$(PKGCONFIGDIR)" "$(DESTDIR)$(DATADIR)/etcd_v2"
	$(INSTALL) -m 644 include/etcd_v2.h "$(DESTDIR)$(INCLUDEDIR)/etcd_v2.h"
	$(INSTALL) -m 644 "$(OUT)/libetcd_v2.a" "$(DESTDIR)$(LIBDIR)/libetcd_v2.a"
	$(INSTALL) -m 755 "$(OUT)/$(BUILT)" "$(DESTDIR)$(LIBDIR)/$(REAL)"
	ln -sf $(REAL) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/$(LINK)"
	$(INSTALL) -m 644 packaging/suppressions/valgrind.supp packaging/suppressions/tsan.supp "$(DESTDIR)$(DATADIR)/etcd_v2"
	@$(call pc,$(pc_prefix),$(call under_prefix,$(LIBDIR)),$(call under_prefix,$(INCLUDEDIR))) >"$(DESTDIR)$(PKGCONFIGDIR)/etcd_v2.pc"
	@echo "installed etcd_v2.pc in $(DESTDIR)$(PKGCONFIGDIR)"

uninstall:
	rm -f "$(DESTDIR)$(INCLUDEDIR)/etcd_v2.h" "$(DESTDIR)$(PKGCONFIGDIR)/etcd_v2.pc" \
		$(foreach file,libetcd_v2.a $(REAL) $(SONAME) $(LINK),"$(DESTDIR)$(LIBDIR)/$(file)")
	rm -f "$(DESTDIR)$(DATADIR)/etcd_v2/valgrind.supp" "$(DESTDIR)$(DATADIR)/etcd_v2/tsan.supp"
	-@rmdir "$(DESTDIR)$(DATADIR)/etcd_v2" 2>/dev/null || true

clean:
	$(CARGO) clean

help:
	@echo "make             build the shared and the static library into $(OUT)"
	@echo "make etcd2ctl    build the command line tool of examples-c/etcd2ctl into $(OUT)"
	@echo "make demo        start a real etcd, run examples-c/01-quickstart.c against it, stop it"
	@echo "make test        get what the tests need into a private cache folder and run all of them (ARGS=... goes to cargo test)"
	@echo "make test-loaded the same RUNS=$(RUNS) times beside LOOPS=$(LOOPS) busy loops"
	@echo "make histories   the long form of the randomised tests of watching (PART=3/16: the third of sixteen slices)"
	@echo "make full        all of these, storm and chaos: hours"
	@echo "make bench       measure the cost of a call, with callgrind (docs/benchmarks.md)"
	@echo "make bench-watch measure many watchers on one client against a real etcd"
	@echo "make bench-submit measure submitted calls against one etcd and against three, beside wrk, which is fetched"
	@echo "make chaos       hurt a cluster for 10 minutes under load, print what callers were told (CHAOS=\"SECONDS THREADS VERSION SEED\")"
	@echo "make storm       watchers in bad weather for long: STORM_WRITES=$(STORM_WRITES) STORM_SECONDS=$(STORM_SECONDS) STORM_FOREIGN=$(STORM_FOREIGN) STORM_WATCHERS=$(STORM_WATCHERS) STORM_FASTEST=$(STORM_FASTEST)"
	@echo "make chaos-compared  the same, then once more with the Go v2 client from Debian's packages"
	@echo "make install     install below PREFIX=$(PREFIX); DESTDIR, LIBDIR, INCLUDEDIR and DATADIR are honoured"
	@echo "make uninstall   remove what install put there"
	@echo "make clean       remove what was built"

# Relocatable when everything lies below PREFIX: then the prefix is found from where the .pc file is.
# The ^ marks the beginning of a path, since patsubst would take a path with a space for two words.
under_prefix = $(subst ^,,$(subst ^$(PREFIX)/,$${prefix}/,^$(1)))
pc_up = $(shell echo '$(subst ^,,$(subst ^$(PREFIX)/,,^$(PKGCONFIGDIR)))' | sed 's,[^/][^/]*,..,g')
pc_prefix = $(if $(findstring ^$(PREFIX)/,^$(PKGCONFIGDIR)),$${pcfiledir}/$(pc_up),$(PREFIX))
empty :=
# pkg-config reads a space as the end of a path
escaped = $(subst $(empty) ,\ ,$(1))

# $(call pc,prefix,libdir,includedir): prints the .pc file
define pc
printf '%s\n' 'prefix=$(call escaped,$(1))' 'libdir=$(call escaped,$(2))' 'includedir=$(call escaped,$(3))' '' \
	'Name: etcd_v2' \
	'Description: A client of the etcd v2 API' \
	'Version: $(VERSION)' \
	'Cflags: -I$${includedir}' \
	'Libs: -L$${libdir} -letcd_v2' \
	'Libs.private: $(PC_STATIC_LIBS)'
endef
