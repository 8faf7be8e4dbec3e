#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests; arguments go to pytest.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
python -m pytest "$@"
