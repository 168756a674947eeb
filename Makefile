# Every target prepares what it needs: from a clean clone, `make demo` or `make test` is enough.
EXEC := environment/exec.sh
PYTEST := python3 -m pytest
RANK_TESTS := $(wildcard tests/verification tests/parallel)
TIER ?= not slow
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint types doctor bench gallery clean prune

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

setup: ## build the environment where there is none
	@environment/setup.sh

demo: setup ## charge a small composite cathode on 2 ranks; results and pictures in runs/demo
	./ssbmech run cases/ncm811_lpscl/quick.yaml -n 2 -o runs/demo --overwrite
	@echo
	@echo "Curves and pictures: runs/demo/report/   Fields for ParaView: runs/demo/fields.bp"
	@echo "The full case (105,000 unknowns; about 20 minutes on 2 ranks):"
	@echo "    ./ssbmech run cases/ncm811_lpscl/case.yaml -n 2 -o runs/ncm811"

# The cases start programs of 2 ranks each, which must not compete: one after the other.
test: setup ## all tests on 1 rank (WORKERS=2 at a time), the verification and parallel ones on 2 and 3 too
	$(EXEC) $(PYTEST) -m "$(TIER)" -n $(WORKERS) --dist loadfile --ignore=tests/cases
	$(EXEC) $(PYTEST) -m "$(TIER)" tests/cases
	$(if $(RANK_TESTS),$(EXEC) mpirun -n 2 $(PYTEST) -m "$(TIER)" $(RANK_TESTS))
	$(if $(RANK_TESTS),$(EXEC) mpirun -n 3 $(PYTEST) -m "$(TIER)" $(RANK_TESTS))

test-slow: ## the tests that take minutes
	$(MAKE) test TIER=slow

lint: setup ## ruff
	@$(EXEC) sh -c 'command -v ruff' >/dev/null || \
		{ echo "pip could not install ruff when the environment was built: delete that (make doctor) and try again"; exit 1; }
	$(EXEC) ruff check .

types: setup ## mypy --strict
	$(EXEC) mypy

doctor: ## say which environment is used and whether it works
	@environment/setup.sh --doctor

bench: setup ## the benchmarks
	$(EXEC) python3 benchmarks/run.py

gallery: setup ## the pictures of the README, made by the program
	docs/gallery.sh

clean: ## results, caches of tools (not the environment)
	rm -rf runs .pytest_cache .mypy_cache .ruff_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

prune: ## delete environments of other versions from the user's cache
	@environment/setup.sh --prune
