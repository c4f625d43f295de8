# Two commands for a stranger: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
PORT ?= 8000

.PHONY: demo test check bench clean

$(VENV)/.service: requirements.txt
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.tests: requirements.txt requirements-dev.txt $(VENV)/.service
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# A key of its own for each demonstration, kept with its database.
$(DEMO)/env: | $(VENV)/.service
	mkdir -p $(DEMO)
	umask 077; { \
	  echo "export DATABASE_URL=sqlite:///$(CURDIR)/$(DEMO)/daylight.db"; \
	  echo "export SECRET_KEYS=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))')"; \
	  echo "export PUBLIC_URL=http://127.0.0.1:$(PORT)"; \
	  echo "export BUREAU_NAME=蓉江市公安局"; \
	} > $@

demo: $(VENV)/.service $(DEMO)/env
	@. $(DEMO)/env && $(BIN)/flask demo --receipt $(DEMO)/receipt
	@echo "Serving on http://127.0.0.1:$(PORT) (Ctrl-C ends it; settings in $(DEMO)/env)"
	@. $(DEMO)/env && exec $(BIN)/gunicorn --bind 127.0.0.1:$(PORT) 'app:create_app()'

test: $(VENV)/.tests
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.tests
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(DEMO) .cache node_modules
