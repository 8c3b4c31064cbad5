#!/bin/sh
# Make .venv with everything that medeval needs, from requirements.lock. Safe to run again.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
die() { say "setup: $*"; exit 1; }

# --- What the machine must have -------------------------------------------------------------------
install_line() { # the packages that this system calls C/C++ compiler, cmake, git and venv
    if [ "$(uname -s)" = Darwin ]; then echo "xcode-select --install; brew install cmake git python@3.12"
    elif command -v apt-get >/dev/null; then echo "sudo apt-get install -y build-essential cmake git python3 python3-venv"
    elif command -v dnf >/dev/null; then echo "sudo dnf install -y gcc gcc-c++ cmake git make python3"
    elif command -v pacman >/dev/null; then echo "sudo pacman -S --needed base-devel cmake git python"
    else echo "install a C and a C++ compiler, cmake, git and Python 3.11 or newer"; fi
}

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$(command -v "$candidate"); break
    fi
done
missing=
[ -n "$python" ] || missing="$missing Python>=3.11"
command -v "${CC:-cc}" >/dev/null || missing="$missing C-compiler"
command -v "${CXX:-c++}" >/dev/null || missing="$missing C++-compiler"
command -v cmake >/dev/null || missing="$missing cmake"
command -v git >/dev/null || missing="$missing git"
[ -z "$missing" ] || die "missing:$missing
  -> Install with: $(install_line)
     Then run the same make command again."

# --- uv, which installs from the lock file --------------------------------------------------------
if command -v uv >/dev/null; then uv=uv
else
    uv=.uv/bin/uv
    if [ ! -x "$uv" ]; then
        say "setup: installing uv into .uv"
        "$python" -m venv .uv || die "Python cannot make virtual environments
  -> Install with: $(install_line)"
        .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
    fi
fi
[ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv

# --- llama-cpp-python, compiled for this processor ------------------------------------------------
pinned() { # the entry of one package in the lock file, with its hashes
    awk -v name="$1" 'index($0, name "==") == 1 {p = 1} p {print} p && !/\\$/ {exit}' requirements.lock
}
progress() { # turn the compiler's output into one line of progress with an estimate
    awk -v tty="$1" 'function now() { "date +%s" | getline t; close("date +%s"); return t }
        BEGIN { began = now() }
        match($0, /\[[0-9]+\/[0-9]+\]/) {
            split(substr($0, RSTART + 1, RLENGTH - 2), n, "/")
            if (n[1] == last) next
            last = n[1]
            if (tty || n[1] % 20 == 0 || n[1] == n[2]) {
                left = n[1] > 3 ? sprintf(", about %d s left", (now() - began) * (n[2] - n[1]) / n[1]) : ""
                printf "%s  compiling llama.cpp: %d of %d files%s   %s", tty ? "\r" : "", n[1], n[2], left, tty ? "" : "\n"
                fflush()
            }
        }
        END { if (tty) print "" }' >&2
}
wanted=$(pinned llama-cpp-python | sed -n '1s/ .*//p')
have=$("$uv" pip freeze --python .venv/bin/python 2>/dev/null | grep -i '^llama-cpp-python==' || true)
if [ "$have" != "$wanted" ]; then
    say "setup: compiling $wanted for this processor. The first time this takes 2 to 15 minutes on 2 cores;"
    say "       uv usually keeps the result, and then another clone on this machine takes seconds."
    mkdir -p .setup
    pinned llama-cpp-python > .setup/llama.lock
    tty=0; [ -t 2 ] && tty=1
    export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$("$python" -c 'import os; print(os.cpu_count())')}"
    export CMAKE_ARGS="-DLLAVA_BUILD=OFF ${CMAKE_ARGS:-}"
    # A pipeline hides the exit code of its first command, so that is kept in a file.
    { "$uv" -v pip install --python .venv/bin/python --no-deps --require-hashes -r .setup/llama.lock 2>&1 \
        && echo 0 > .setup/code || echo 1 > .setup/code; } | tee .setup/llama.log | progress "$tty"
    [ "$(cat .setup/code)" = 0 ] || die "llama-cpp-python did not compile; the end of .setup/llama.log:
$(tail -n 15 .setup/llama.log)
  -> If a tool is missing: $(install_line)"
fi

# --- everything else ------------------------------------------------------------------------------
say "setup: installing the packages of requirements.lock (about 1 GB the first time)"
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
.venv/bin/medeval --version >&2
