#!/usr/bin/env bash
# Creates .venv if necessary and runs the tests; arguments are passed to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
# The tests of a file share studies that take time to make, so each file runs in one process.
# There are two processes per core, as many tests wait for processes that they start.
cores=$(python -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
python -m pytest -n "$((cores < 4 ? 2 * cores : 8))" --dist loadfile --no-loadscope-reorder "$@"
