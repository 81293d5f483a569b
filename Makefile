# Each target does its own set-up; scripts/bootstrap.py does the same without make.
PYTHON ?= python3

.PHONY: help run serve test lint bench fuzz train zoo diagnosis screenshots

help:         ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/'

run:          ## start the app on the built-in example
	@$(PYTHON) scripts/bootstrap.py run

serve:        ## the same for a team, behind an access token (docs/deploy.md)
	@$(PYTHON) scripts/bootstrap.py serve

test:         ## run all tests, browser included
	@$(PYTHON) scripts/bootstrap.py test

lint:         ## ruff and mypy
	@$(PYTHON) scripts/bootstrap.py lint

bench:        ## measure speed beside what one would do instead
	@$(PYTHON) scripts/bootstrap.py bench

fuzz:         ## read 32,000 damaged checkpoints and 42,000 pictures (10 minutes)
	@$(PYTHON) scripts/bootstrap.py fuzz

train:        ## train the example again (23 minutes on 2 shared cores)
	@$(PYTHON) scripts/bootstrap.py train

zoo:          ## train the networks of the benchmark again (25 minutes on 1 core)
	@$(PYTHON) scripts/bootstrap.py zoo

diagnosis:    ## how often the diagnosis names a seeded fault
	@$(PYTHON) scripts/bootstrap.py diagnosis

screenshots:  ## make the pictures of the README anew
	@$(PYTHON) scripts/bootstrap.py screenshots
