# Sourced by the other scripts: creates .venv at the root of the tree, and again whenever pyproject.toml or
# constraints.txt has changed. Set PYTHON to choose the interpreter (3.10 or newer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=$PWD/.venv
stamp=$(cat pyproject.toml scripts/constraints.txt | cksum)
if [[ ! -x $venv/bin/lmreg || $(cat "$venv/.lmreg-stamp" 2>/dev/null) != "$stamp" ]]; then
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        echo "lmreg needs Python 3.10 or newer; $python is $("$python" --version 2>&1). Set PYTHON=/path/to/python3." >&2
        exit 2
    }
    echo "Installing lmreg into $venv (the first time this takes a few minutes) ..."
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --constraint scripts/constraints.txt --editable '.[dev]'
    echo "$stamp" > "$venv/.lmreg-stamp"
fi
export PATH="$venv/bin:$PATH"
# Where this is set, each of the many processes would compile all that it imports, which takes ten seconds.
unset PYTHONDONTWRITEBYTECODE
