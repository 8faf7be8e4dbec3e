#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests; arguments go to pytest (for example -m study).
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
python -m pytest "$@"
