#!/usr/bin/env bash
# Builds the documents as a site into site/; a warning is an error. `scripts/docs.sh serve` shows it while you write.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
command -v mkdocs >/dev/null || python -m pip install --quiet --disable-pip-version-check \
    --constraint scripts/constraints.txt --editable '.[docs]'
NO_MKDOCS_2_WARNING=1 mkdocs "${1:-build}" --strict "${@:2}"
