# Aliases for run.py, for those who have make.
.PHONY: demo test bench capacity services-up services-down lock format

demo test bench capacity lock:
	python3 run.py $@ $(ARGS)

services-up services-down:
	python3 run.py services $(subst services-,,$@)

format:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .
