#!/usr/bin/env bash
# Starts Teachdeck. `bash run.sh --help` says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
Usage: bash run.sh [--port N] [--address HOST] [--install-only] [--help]

Starts Teachdeck in your browser's reach and prints the address.

The first start makes a Python environment in .venv, installs requirements.txt into it and
prepares the model that works offline; that takes a few minutes. Later starts take seconds:
nothing is installed again unless requirements.txt changed. Ctrl-C stops the server.

  --port N         serve on port N (default: $PORT, else 8501)
  --address HOST   listen on HOST (default: localhost; 0.0.0.0 lets others in)
  --install-only   prepare everything, start nothing
  --help           show this text

Environment:
  PYTHON             the Python to build .venv with (3.11, 3.12 or 3.13)
  PORT               the default port
  TEACHDECK_HOME     where caches and downloads go (default: your user data folder)
  TEACHDECK_MODELS   a folder with models of your own, beside models/local
TEXT
}

die() { printf 'run.sh: %s\n' "$*" >&2; exit 2; }

port=${PORT:-8501}
address=localhost
install_only=no
while [ $# -gt 0 ]; do
    case $1 in
        --port) [ $# -ge 2 ] || die "--port needs a number, for example --port 8600"; port=$2; shift 2 ;;
        --port=*) port=${1#*=}; shift ;;
        --address) [ $# -ge 2 ] || die "--address needs a host, for example --address 0.0.0.0"; address=$2; shift 2 ;;
        --address=*) address=${1#*=}; shift ;;
        --install-only) install_only=yes; shift ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; die "unknown option: $1" ;;
    esac
done
case $port in '' | *[!0-9]*) die "the port must be a number from 1 to 65535, received: $port" ;; esac
[ "${#port}" -le 5 ] && [ "$port" -ge 1 ] && [ "$port" -le 65535 ] ||
    die "the port must be a number from 1 to 65535, received: $port"

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.12 python3.13 python3.11 python3 python}; do
        if "$candidate" -c "$supported" >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    die "Python 3.11, 3.12 or 3.13 is needed and ${PYTHON:-none of them} could not be used; install one, or set PYTHON to its path"
}

# A .venv that was moved, half made or built by a Python that is gone is made anew.
python=.venv/bin/python
if ! "$python" -c "$supported; import pip" >/dev/null 2>&1; then
    base=$(find_python)
    echo "Making a Python environment in .venv with $("$base" --version) ..."
    "$base" -m venv --clear .venv
fi

# The stamp is written last, so an interrupted installation starts again.
stamp=.venv/requirements.installed
if ! cmp -s requirements.txt "$stamp"; then
    echo "Installing requirements.txt (once; a few minutes) ..."
    "$python" -m pip install --quiet --disable-pip-version-check -r requirements.txt
    "$python" -m core prepare
    cp requirements.txt "$stamp"
fi
[ "$install_only" = no ] || exit 0

echo "Teachdeck: http://$([ "$address" = 0.0.0.0 ] && echo localhost || echo "$address"):$port  (Ctrl-C stops it)"
exec "$python" -m streamlit run serve.py --server.port "$port" --server.address "$address"
