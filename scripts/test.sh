#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests; arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# A file's tests share studies that take their time to make, so that each file goes to one process.
# One process more than cores: some tests wait for processes of their own.
cores=$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
python -m pytest -n "$((cores < 8 ? cores + 1 : 8))" --dist loadfile --no-loadscope-reorder "$@"
