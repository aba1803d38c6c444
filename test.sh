#!/usr/bin/env bash
# Everything that proves Teachdeck: style, types, then unit, page, browser and TensorFlow.js tests.
# Arguments go to pytest: bash test.sh -k decode
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case ${1:-} in
    --help | -h)
        echo "Usage: bash test.sh [pytest arguments]"
        echo "Runs ruff, mypy and pytest; installs what they need into .venv. With CI=true a skipped"
        echo "browser or Node test is a failure."
        exit 0
        ;;
esac

bash run.sh --install-only || exit 1
python=.venv/bin/python
stamp=.venv/tests.installed
if ! cmp -s tests/requirements.txt "$stamp"; then
    "$python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt || exit 1
    cp tests/requirements.txt "$stamp"
fi

if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null ||
        echo "test.sh: Chromium could not be installed; the browser tests will be left out"
fi
if command -v npm >/dev/null && ! cmp -s tests/tfjs/package-lock.json tests/tfjs/node_modules/.installed; then
    if npm ci --prefix tests/tfjs --no-audit --no-fund --loglevel=error; then
        cp tests/tfjs/package-lock.json tests/tfjs/node_modules/.installed
    else
        echo "test.sh: TensorFlow.js could not be installed; the Node tests will be left out"
    fi
fi

status=0
echo "ruff";  "$python" -m ruff check . || status=1
"$python" -m ruff format --check --quiet . || { echo "ruff format: run .venv/bin/ruff format ."; status=1; }
echo "mypy";  "$python" -m mypy --strict core || status=1
[ "$status" = 0 ] || echo "test.sh: style or types failed (above); the tests run all the same"
# Both cores share the tests; those in a browser listen in real time, so nothing runs beside them.
found=0
tests() {
    "$python" -m pytest "$@"
    case $? in
        0) found=1 ;;
        5) ;;  # nothing of this part was asked for
        *) found=1 status=1 ;;
    esac
}
tests -n 2 --dist loadfile -m "not browser" "$@"
tests -m browser "$@"
[ "$found" = 1 ] || { echo "test.sh: no test was found"; status=1; }
exit "$status"
