# Everything runs in .venv, made from the one lock file, requirements.lock.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# mypy doesn't see through an editable install: it follows these links instead.
TYPED := build/typed/ptproof

.PHONY: prove test fuzz images bench lint docs lock clean

prove: $(INSTALLED)
	$(BIN)/ptproof prove

test: $(INSTALLED)
	$(BIN)/pytest

# Change kernel images at random, and see that each is read or refused in one line. Other ones: make fuzz SEED=2.
SEED := 1
fuzz: $(INSTALLED)
	$(BIN)/python tests/formal/hostile_images.py 100000 $(SEED)

# Debian's kernel and GRUB's PV images, for the tests of real images: taken out of their packages, not installed.
IMAGES := build/images
images: $(IMAGES)/.unpacked

$(IMAGES)/.unpacked:
	mkdir -p $(IMAGES)
	cd $(IMAGES) && apt-get download grub-xen-host \
	  $$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$$/\1/p')
	cd $(IMAGES) && for each in *.deb; do \
	  dpkg-deb --fsys-tarfile $$each | tar -x --wildcards './boot/vmlinuz-*' './usr/lib/grub-xen/*.bin' 2>/dev/null || true; \
	done
	rm $(IMAGES)/*.deb
	ls $(IMAGES)/boot/vmlinuz-* $(IMAGES)/usr/lib/grub-xen/grub-x86_64-xen.bin > $@

bench: $(INSTALLED)
	$(BIN)/python -m tests.bench

lint: $(INSTALLED) $(TYPED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p ptproof.formal -p ptproof.encodings -p ptproof.proofs
	$(BIN)/mypy tests

docs: $(INSTALLED)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

$(TYPED):
	mkdir -p $@
	ln -s ../../../formal ../../../encodings ../../../proofs $@

# Take the newest versions that pyproject.toml allows into the lock file.
lock: $(INSTALLED)
	$(BIN)/pip install uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock

clean:
	rm -rf $(VENV) build docs/_build *.egg-info

$(INSTALLED): requirements.lock pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
