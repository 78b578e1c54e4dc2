# Everything a user or a developer does, in one word each.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   := requirements.lock
TEST_TOOLS := 'pytest>=8.3' 'pytest-xdist>=3.6' 'hypothesis>=6.120' 'openpyxl>=3.1' 'pypdf>=5'
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet
unexport PYTHONDONTWRITEBYTECODE  # else each of many processes compiles all that it imports

.PHONY: demo shipped-run answers schema test test-versions lint types style kernels quick lock validate validation-table snapshot bench gpu-measure notebooks browser docs clean

$(VENV)/.run: pyproject.toml $(LOCK)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --constraint $(LOCK) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --no-compile --constraint $(LOCK) --editable '.[dev]'  # Python compiles what it imports
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## set up, run the East Africa scenario, write its report
	@$(BIN)/equiscan run scenarios/east_africa.yaml --out runs/east_africa --overwrite

shipped-run: $(VENV)/.run  ## make the finished run of East Africa that the notebooks open again
	@$(BIN)/equiscan run scenarios/east_africa.yaml --out notebooks/east_africa --overwrite

# a draw of 217 countries takes longer: there the searches are shorter, and fewer
RUN_OF_income_groups := --set search.effort=quick
STAGES_OF_income_groups := --searches 10 --runs 100
RING_FENCE_OF_income_groups := --top 3 --runs 60
FRONTIER_OF_income_groups := --runs 60
ALTERNATIVES_OF_income_groups := --runs 150

SCENARIO ?= east_africa
answers: $(VENV)/.run  ## all answers about a scenario: make answers SCENARIO=income_groups; goes on where it was
	@$(PIP) --constraint $(LOCK) --editable '.[answers]'
	@test -f runs/$(SCENARIO)/manifest.json || \
		$(BIN)/equiscan run scenarios/$(SCENARIO).yaml $(RUN_OF_$(SCENARIO)) --out runs/$(SCENARIO)
	@$(BIN)/equiscan answer stages runs/$(SCENARIO) $(STAGES_OF_$(SCENARIO))
	@$(BIN)/equiscan answer matrix runs/$(SCENARIO)
	@$(BIN)/equiscan claims runs/$(SCENARIO)
	@$(BIN)/equiscan answer certificate runs/$(SCENARIO)
	@$(BIN)/equiscan answer gain runs/$(SCENARIO)
	@$(BIN)/equiscan answer ring-fence runs/$(SCENARIO) $(RING_FENCE_OF_$(SCENARIO))
	@$(BIN)/equiscan answer frontier runs/$(SCENARIO) $(FRONTIER_OF_$(SCENARIO))
	@$(BIN)/equiscan answer alternatives runs/$(SCENARIO) $(ALTERNATIVES_OF_$(SCENARIO))
	@$(BIN)/equiscan answer information runs/$(SCENARIO)
	@$(BIN)/equiscan answer regret runs/$(SCENARIO)
	@$(BIN)/equiscan answer measuring runs/$(SCENARIO)
	@$(BIN)/equiscan answer drivers runs/$(SCENARIO)
	@$(BIN)/equiscan answer assumptions runs/$(SCENARIO)

schema: $(VENV)/.run  ## write the schema, the table of fields and the glossary again
	@$(BIN)/equiscan schema > scenarios/schema.json
	@$(BIN)/equiscan schema --fields > scenarios/fields.md
	@$(BIN)/python -c "from reports.glossary import *; print(glossary_page(), end='')" > docs/glossary.md

lint: $(VENV)/.dev  ## style, types, import layers and dead code
	@$(MAKE) --no-print-directory --jobs 2 types style

types: $(VENV)/.dev
	@$(BIN)/mypy --no-error-summary

style: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/vulture
	@$(BIN)/lint-imports --no-cache > .lint-imports.log || (cat .lint-imports.log; exit 1)

kernels: $(VENV)/.run  ## compile them once, and not in each of several processes
	@$(BIN)/equiscan run scenarios/tiny.yaml --dry-run > /dev/null

test: $(VENV)/.dev  ## style, while kernels are compiled, and every quick test
	@$(MAKE) --no-print-directory --jobs 2 style kernels
	@$(MAKE) --no-print-directory quick

quick: export OMP_NUM_THREADS = 1  # two processes of two threads each wait for each other
quick: $(VENV)/.dev
	@$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

$(BIN)/uv: $(VENV)/.run
	@$(PIP) uv

lock: $(BIN)/uv  ## renew the exact versions that every set-up here installs
	@$(BIN)/uv pip compile --quiet --upgrade --universal --fork-strategy fewest \
		--python-version 3.11 --all-extras --no-annotate --no-header \
		--output-file $(LOCK) pyproject.toml

test-versions: test-lowest-direct test-highest  ## the same with the oldest and newest versions

test-lowest-direct test-highest: test-%: $(BIN)/uv
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-$*
	@$(BIN)/uv pip install --quiet --python $(VENV)-$*/bin/python --resolution $* \
		--editable '.[answers,pdf]' $(TEST_TOOLS)
	@echo "with the $* versions allowed:"
	@NUMBA_CACHE_DIR=$(abspath $(VENV)-$*)/kernels $(VENV)-$*/bin/python -m pytest \
		-m "not slow" -W default --disable-warnings -p no:cacheprovider \
		$(addprefix tests/unit/,planning pipeline studies scenario baseline equity reports)

validate: $(VENV)/.dev  ## slow statistical evidence: closed forms, patient level, other simulators
	@$(BIN)/pytest -m slow

validation-table: $(VENV)/.dev  ## the same for the queues, and write docs/validation_table.md again
	@$(BIN)/pytest -m slow tests/validation/test_imaging_*.py tests/validation/test_reading_*.py \
		tests/validation/test_data_*.py \
		--validation-table docs/validation_table.md

snapshot: $(VENV)/.dev  ## write what small studies come to again, when a number was meant to move
	@$(BIN)/python -m tests.regression.snapshot

bench: $(VENV)/.dev  ## speed, and what is found, against peers in one run
	@$(PIP) --constraint $(LOCK) --editable '.[bench]'
	@$(BIN)/python -m pytest tests/benchmarks -m slow -s

gpu-measure: $(VENV)/.dev  ## what takes a GPU; goes on where it stopped: IMAGES=folder [DEVICE=cpu] [MINUTES=7]
	@$(BIN)/equiscan profile gpu --data $(IMAGES) --out runs/gpu --device $(or $(DEVICE),cuda) --minutes $(or $(MINUTES),7)

notebooks: $(VENV)/.run  ## open the notebooks
	@$(PIP) --constraint $(LOCK) --editable '.[notebooks,answers]'
	@$(BIN)/jupyter lab notebooks

browser: $(VENV)/.dev  ## pages in Chromium (apt install chromium, or .venv/bin/playwright install chromium)
	@$(PIP) --constraint $(LOCK) --editable '.[dev,browser,docs]'
	@$(BIN)/pytest -m slow -rs tests/unit/reports/test_browser.py

docs: $(VENV)/.run  ## the documentation as a site, in build/docs
	@$(PIP) --constraint $(LOCK) --editable '.[docs]'
	@$(BIN)/mkdocs build --quiet
	@echo "open build/docs/index.html; to search it: python3 -m http.server --directory build/docs"

clean:
	@find sim reports tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf $(VENV) $(VENV)-* runs .pytest_cache .mypy_cache .ruff_cache .lint-imports.log build *.egg-info
