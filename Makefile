# `make demo` and `make test` set up everything they need: .venv and Lava's own environment.
# `make nightly` tests more: other versions of Python, NIR files in other tools and NeuroBench (.venv-peers),
# the CUDA engine's compiled code on a CPU (.venv-emulated), thousands of damaged files, mutants, and what
# the plug-ins add in their rules.mk.
# TORCH_INDEX=https://download.pytorch.org/whl/cpu installs torch without CUDA, and saves some 5 GB.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

PEERS := .venv-peers
EMULATED := .venv-emulated

# Tests of one file run in one process, since they share what they compile. Files run in the order
# of conftest.py, long files first.
PYTEST := python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# If this variable is set, each process compiles all modules that it imports; tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test core simulated emulated check pages site collected links nightly mutants-loihi2 release distributions peers test-core lava clean

demo: $(VENV)/.dev lava
	$(BIN)/nmtool demo

# A plug-in adds to TOOLS what its tests look for, to SIMULATORS what they run in, to NIGHTLY what takes
# long, to MARKERS its markers of tests that need more than the libraries of the core, and to VARIANTS
# options of its formats with which random networks also run.
-include $(wildcard plugins/*/rules.mk)

# Tests that look at formats, targets, modules and pages of plug-ins, too.
WHOLE := $(addprefix tests/,test_rooms.py test_doctests.py test_files_of_others.py test_messages.py test_short_names.py \
	test_site.py test_wheel.py exporters/test_formats.py nmtool/targets nmtool/setup nmtool/test_public.py \
	nmtool/test_options.py nmtool/test_plugins.py $(addprefix nmtool/cli/test_,check.py doctor.py flags.py help.py))

# Tests of the core run in the core alone. Under make -j, the tests of `simulated` use the processor that
# mypy leaves free.
test: $(VENV)/.dev lava check pages simulated $(TOOLS)
	$(MAKE) core
	$(BIN)/$(PYTEST) $(wildcard plugins) $(WHOLE)

# The core alone: a copy without plugins/, which is installed in an environment with the libraries of .venv.
CORE := build/core

core: $(VENV)/.dev lava
	rm -rf $(CORE)
	mkdir -p $(CORE)
	cp -Rp .ci .gitignore $(filter-out plugins build dist %.egg-info,$(wildcard *)) $(CORE)
	git -C $(CORE) init --quiet
	$(BIN)/python -m venv --without-pip $(CORE)/.venv
	cd $(CORE) && place='import sysconfig; print(sysconfig.get_path("purelib"))' && \
		$(abspath $(BIN))/python -c "$$place" >"$$(.venv/bin/python -c "$$place")/libraries.pth" && \
		.venv/bin/python -m pip install --quiet --no-compile --no-deps --no-build-isolation -e .
	touch $(CORE)/.venv/.dev
	MYPY_CACHE_DIR=$(CURDIR)/.mypy_cache $(MAKE) -C $(CORE) VENV=.venv check pages
	cd $(CORE) && .venv/bin/$(PYTEST)

# Python compiles a module when it is first imported. In a fresh clone, `make -j3 collected test` imports
# all tests while mypy runs, so that no process of `test` compiles them. `test` shows the errors.
collected: $(VENV)/.dev
	-$(BIN)/python -m pytest --collect-only >/dev/null

CUDA_TESTS := tests/training/engines/cuda tests/benchmarks/test_gpu.py

# The CUDA engine's tests in Numba's own simulator, which a variable turns on before numba is imported.
# Tests that take long in it run on the emulated GPU only.
simulated: $(VENV)/.dev
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest -n auto -m cuda $(CUDA_TESTS)

# The CUDA engine's compiled kernels on a CPU, launched by numba-cuda: in three orders of threads, then
# mutants of the kernels, and networks of real sizes. Needs a C and a C++ compiler.
ON_EMULATED_GPU := $(EMULATED)/bin/python -m pytest -n auto -p tests.training.engines.cuda.emulator.plugin -m cuda
EMULATED_ONCE := $(addprefix tests/training/engines/cuda/,test_mutants.py test_emulated.py)

emulated: $(EMULATED)/.emulated
	for order in ascending descending shuffled; do \
		$(ON_EMULATED_GPU) --thread-order $$order $(addprefix --ignore ,$(EMULATED_ONCE)) $(CUDA_TESTS) || exit 1; \
	done
	$(ON_EMULATED_GPU) $(EMULATED_ONCE)
	$(EMULATED)/bin/python -m pytest -n auto tests/training/engines/cuda/test_ptx.py

$(EMULATED)/.emulated: pyproject.toml setup.py $(wildcard plugins/*/entry_points.txt)
	$(PYTHON) -m venv $(EMULATED)
	$(EMULATED)/bin/python -m pip install --quiet --upgrade pip
	$(if $(TORCH_INDEX),$(EMULATED)/bin/python -m pip install --quiet torch --index-url $(TORCH_INDEX))
	$(EMULATED)/bin/python -m pip install --quiet --no-compile -e '.[test,cuda]'
	touch $@

check: $(VENV)/.dev links
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy .links/*

# Reads docs/ and the pages generated from the code. A broken link is an error.
pages: $(VENV)/.dev
	$(BIN)/python -m sphinx -b dummy -W --keep-going -q docs build/pages

# The site: these pages in HTML.
site: $(VENV)/.dev
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs build/site

# mypy does not follow an editable installation, so .links has the folders as they are installed.
links:
	rm -rf .links
	mkdir -p .links/nmtool
	cd .links/nmtool && ln -s ../../nmtool/* ../../hardware_sim ../../training ../../exporters .
	cd .links && ln -s ../benchmarks $(addprefix ../,$(wildcard plugins/*/nmtool_* plugins/*/benchmarks/*.py)) .

lava: $(VENV)/.dev
	$(BIN)/nmtool setup lava

nightly: $(SIMULATORS) test emulated peers distributions
	$(MAKE) site
	$(BIN)/python -m pytest -m long
	NMTOOL_THOROUGH=1 $(BIN)/$(PYTEST)
	$(BIN)/python -m tests.mixed $(addprefix --also ,$(VARIANTS))
	for version in 3.10 3.11 3.12 3.13; do \
		python=$$(.ci/python $$version) && $(MAKE) test-core PYTHON="$$python" || exit 1; \
	done
	$(MAKE) $(NIGHTLY) mutants-loihi2
	$(BIN)/python -m tests.interrupts --runs 20

# Mutation test of the readable simulator: docs/vectors detect every mutant, or
# tests/mutants_equivalent.txt says why it is equivalent.
mutants-loihi2: $(VENV)/.dev
	$(BIN)/python -m tests.mutants --jobs 2 -o .mutants-loihi2.txt

# Builds and tries the distributions of a release, and prints the commands that tag and upload them.
release: VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' nmtool/version.py)
release:
	@test -z "$$(git status --porcelain)" || { echo "not everything is committed"; exit 1; }
	@grep -qx '## $(VERSION)' CHANGELOG.md || { echo "CHANGELOG.md has no entries for $(VERSION)"; exit 1; }
	@! grep -qx '## Unreleased' CHANGELOG.md || { echo "CHANGELOG.md has unreleased entries"; exit 1; }
	@! git rev-parse -q --verify refs/tags/v$(VERSION) || { echo "v$(VERSION) is tagged already"; exit 1; }
	$(MAKE) distributions
	@printf '%s\n' 'To publish:' "  git tag -a v$(VERSION) -m 'nmtool $(VERSION)' $$(git rev-parse HEAD)" \
		'  git push origin v$(VERSION)' '  $(BIN)/python -m twine upload dist/*'

# Wheel and source distribution in dist/. Each is installed into an empty environment of every
# Python version, in which the README's examples run.
distributions: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet -e '.[release]'
	rm -rf dist
	$(BIN)/python -m build --outdir dist . >/dev/null
	$(BIN)/python -m twine check --strict dist/*
	for version in 3.10 3.11 3.12 3.13; do \
		python=$$(.ci/python $$version) || exit 1; \
		for file in dist/*.whl dist/*.tar.gz; do \
			$$python -m venv --clear .venv-release && \
			.venv-release/bin/python -m pip install --quiet "$$file[train,onnx]" && \
			.venv-release/bin/python tests/readme_lines.py || exit 1; \
		done; \
	done

# NIR files and data in other tools, and NeuroBench. Their pinned versions need an environment of
# their own. sinabs requires an old nir and drivers of chips, but works with the current nir and
# without drivers, so it is installed without its dependencies.
peers: $(PEERS)/.peers
	$(PEERS)/bin/python -m pytest -m peers tests/exporters/test_nir_*peers.py tests/nmtool/test_neurobench_peers.py \
		tests/nmtool/data/test_snntorch_peers.py
	$(PEERS)/bin/python -m pytest tests/nmtool/data/test_through_tonic.py

$(PEERS)/.peers: pyproject.toml setup.py $(wildcard plugins/*/entry_points.txt)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet --no-compile -e '.[test,nir-peers,tonic]' 'neurobench>=2.3,<3'
	$(PEERS)/bin/python -m pip install --quiet --no-compile --no-deps 'sinabs>=3.1,<4' 'pbr<8'
	touch $@

# Tests that need neither torch nor Lava, on any supported Python: make test-core PYTHON=python3.13
test-core: VENV = .venv-core-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-core:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet -e '.[test]'
	$(VENV)/bin/$(PYTEST) -m 'not torch and not lava and not peers and not long $(foreach marker,$(MARKERS),and not $(marker))'

# --no-compile: Python compiles the modules that it imports; compiling all libraries takes half a minute.
$(VENV)/.dev: pyproject.toml setup.py $(wildcard plugins/*/entry_points.txt)
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13) and "nmtool needs Python 3.10 to 3.13: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet torch --index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet --no-compile -e '.[dev]'
	touch $@

clean:
	rm -rf build dist .venv .venv-core-* .venv-release $(PEERS) $(EMULATED) .links .pytest_cache .mypy_cache .ruff_cache .hypothesis
