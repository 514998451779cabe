# Everything runs in .venv, made from the one lock file, requirements.lock.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# What Python compiles is kept, whatever the environment says: else each process that starts compiles this package anew.
export PYTHONDONTWRITEBYTECODE :=

# mypy doesn't see through an editable install: it follows these links instead.
TYPED := build/typed/ptproof

.PHONY: help prove certify check-proofs rocq test mutants bench peers lint docs links dist images trees fuzz transcripts lock clean

help: ## what there is to make
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 20

prove: $(INSTALLED) ## decide every claim
	$(BIN)/ptproof prove

certify: $(INSTALLED) ## have every obligation certified, and renew the record of it
	$(BIN)/ptproof certify --manifest proofs/certificates.json

# Clauses that nothing refutes yet are written down (status 3), have proofs found for them, and are checked once more. Some claims only: CLAIMS="exact least".
EXPORT := build/export
CLAIMS :=
check-proofs: $(INSTALLED) ## have the export of every proof checked by what uses nothing of ptproof
	rm -rf $(EXPORT)
	$(BIN)/ptproof export $(EXPORT) $(CLAIMS)
	python3 -I proofs/checker/check_proofs.py $(EXPORT) > $(EXPORT)-table; test $$? -eq 3
	$(BIN)/python proofs/checker/find_proofs.py $(EXPORT)/certificates
	python3 -I proofs/checker/check_proofs.py $(EXPORT) > $(EXPORT)-table
	cat $(EXPORT)-table

# Print Assumptions, once a file, is asked of all its theorems: they must rest on no axiom. Nor must the compiled files, which
# another program reads once more. Needs Rocq (Debian: coq); takes a minute of one processor.
ROCQ := $(basename $(shell grep '[.]v$$' proofs/rocq/_CoqProject))
COMPILED := build/rocq
rocq: ## have the heart of the proof checked by Rocq's kernel
	mkdir -p $(COMPILED)
	cp $(ROCQ:%=proofs/rocq/%.v) $(COMPILED)
	for each in $(ROCQ); do (cd $(COMPILED) && coqc -Q . PtProof $$each.v) || exit 1; done > $(COMPILED)/printed
	test $$(grep -c 'Closed under the global context' $(COMPILED)/printed) -eq \
	  $$(cat $(ROCQ:%=proofs/rocq/%.v) | grep -c '^Print Assumptions')
	cd $(COMPILED) && coqchk -silent -o -Q . PtProof $(ROCQ:%=PtProof.%) > checked 2>&1
	test $$(grep -c '^[*].*: <none>$$' $(COMPILED)/checked) -eq 4
	@grep -c 'Closed under the global context' $(COMPILED)/printed | sed 's/$$/ files of theorems checked by Rocq, without axioms/'

test: $(INSTALLED) ## run the tests
	$(BIN)/pytest

mutants: $(INSTALLED) ## change something small, time and again, and see that it is noticed
	$(BIN)/python tests/mutation_score.py

bench: $(INSTALLED) ## measure speed and memory against the targets
	$(BIN)/python tests/bench.py

# Each under a limit of its own. CBMC and CrossHair take part if they are on the PATH.
LIMIT := 120
peers: $(INSTALLED) ## measure beside what somebody would pick instead
	$(BIN)/python tests/peers/peers.py --limit $(LIMIT)

lint: $(INSTALLED) $(TYPED) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p ptproof.formal -p ptproof.encodings -p ptproof.proofs
	$(BIN)/mypy tests
	$(BIN)/mypy proofs/checker

docs: $(INSTALLED) ## build the documentation, into docs/_build/html
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

links: $(INSTALLED) ## ask whether the links out of the documentation answer
	$(BIN)/sphinx-build -W -q -b linkcheck docs docs/_build/linkcheck

# The wheel is built from the sdist, and tried as people get it: by pip into a fresh environment, and by pipx; from another folder.
DIST := $(abspath build/dist)
dist: $(INSTALLED) ## build sdist and wheel, and try them outside of the checkout
	rm -rf $(DIST)
	$(BIN)/python -c 'from setuptools.build_meta import build_sdist; build_sdist("$(DIST)")' > /dev/null
	$(PIP) wheel --no-deps --wheel-dir $(DIST) $(DIST)/ptproof-*.tar.gz
	python3 -m venv $(DIST)/venv
	$(DIST)/venv/bin/pip --disable-pip-version-check --quiet install $(DIST)/ptproof-*.whl pipx
	cd / && $(DIST)/venv/bin/ptproof prove exact --no-cache
	cd / && PIPX_HOME=$(DIST)/pipx $(DIST)/venv/bin/pipx run --spec $(DIST)/ptproof-*.whl ptproof --version
	rm -rf $(DIST)/venv $(DIST)/pipx

# Debian's kernel and GRUB's PV images: taken out of their packages, not installed.
IMAGES := build/images
images: $(IMAGES)/.unpacked ## fetch real kernels, for the tests of real images

$(IMAGES)/.unpacked:
	mkdir -p $(IMAGES)
	cd $(IMAGES) && apt-get download grub-xen-host \
	  $$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$$/\1/p')
	cd $(IMAGES) && for each in *.deb; do \
	  dpkg-deb --fsys-tarfile $$each | tar -x --wildcards './boot/vmlinuz-*' './usr/lib/grub-xen/*.bin' 2>/dev/null || true; \
	done
	rm $(IMAGES)/*.deb
	ls $(IMAGES)/boot/vmlinuz-* $(IMAGES)/usr/lib/grub-xen/grub-x86_64-xen.bin > $@

# Debian's sources of Xen and of GRUB, from a sources list of its own: what the tool reads of them. Other suites: make trees SUITES=trixie.
TREES := build/trees
SUITES := bookworm
APT := apt-get -q -o Dir::Etc::SourceList=$(abspath $(TREES))/sources.list -o Dir::Etc::SourceParts=/dev/null \
  -o Dir::State::Lists=$(abspath $(TREES))/lists -o APT::Sandbox::User=root
trees: $(TREES)/.unpacked ## fetch real trees of Xen, and GRUB's loader, for the tests of real trees

$(TREES)/.unpacked:
	mkdir -p $(TREES)/lists/partial
	printf 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n' $(SUITES) \
	  > $(TREES)/sources.list
	$(APT) update
	for each in $(SUITES); do \
	  mkdir -p $(TREES)/$$each && (cd $(TREES)/$$each && $(APT) source --download-only xen/$$each && \
	  tar -x --strip-components=1 --wildcards -f xen_*.orig.tar.* '*/xen/include' '*/xen/arch/x86' \
	    '*/tools/include' '*/tools/libs/guest' '*/tools/libs/ctrl' && rm xen_*) || exit 1; \
	  mkdir -p $(TREES)/grub-$$each && (cd $(TREES)/grub-$$each && $(APT) source --download-only grub2/$$each && \
	  tar -x --strip-components=1 --wildcards -f grub2_*.orig.tar.?z '*/include' '*/grub-core/loader/i386/xen.c' && rm grub2_*) || exit 1; \
	done
	ls $(SUITES:%=$(TREES)/%/xen/include/xen/config.h) $(SUITES:%=$(TREES)/%/tools/include/xenguest.h) > $@

# Each is taken or refused in one line, and none takes long. Other ones: make fuzz SEED=2; fewer: COUNT=1000; of a kind: KIND=logs.
SEED := 1
COUNT := 100000
KIND :=
fuzz: $(INSTALLED) ## change inputs of every kind at random, and feed them
	PYTHONPATH=tests/formal $(BIN)/python tests/formal/hostile_inputs.py $(COUNT) $(SEED) $(KIND)

transcripts: $(INSTALLED) ## make anew what pages show: what commands print, references, all claims
	PYTHONPATH=tests/formal $(BIN)/python tests/test_documents.py

lock: $(INSTALLED) ## take the newest versions that pyproject.toml allows into the lock file
	$(BIN)/pip install uv
	$(BIN)/uv pip compile pyproject.toml --extra certify --extra dev --extra solvers --extra tree --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean: ## remove all that was made
	rm -rf $(VENV) build docs/_build *.egg-info

$(TYPED):
	mkdir -p $@
	ln -s ../../../formal ../../../encodings ../../../proofs $@

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
$(INSTALLED): requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.exit("ptproof needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	python3 -m venv $(VENV)
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@
