#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests; arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# A file's tests share studies that take their time to make, so that each file goes to one process.
python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder "$@"
