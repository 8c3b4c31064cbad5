#!/bin/sh
# Make one environment with everything that medeval needs, from requirements.lock. Safe to run again.
#
#   setup.sh [TARGET [FOLDER]]
#
# TARGET is cpu, vulkan, metal or cuda: what llama.cpp is compiled for, all else being the same. The environment is .venv
# for cpu and .venv-TARGET for the others, or FOLDER: one that exists already, such as conda's.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
die() { say "setup: $*"; exit 1; }
. workflow/scripts/targets.sh

target=${1:-cpu}
target_options=$(compile_options "$target") || die "there is no target '$target'
  -> Name one of: cpu, vulkan, metal, cuda"
case "$target" in cpu) environment=.venv ;; *) environment=.venv-$target ;; esac
given=${2:-}
environment=${given:-$environment}
refuse_wrong_system "$target"

# --- What the machine must have -------------------------------------------------------------------
python=
for candidate in ${given:+"$given/bin/python"} "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$(command -v "$candidate"); break
    fi
done
missing=$(missing_tools "$target" | tr '\n' ' ')
[ -n "$python" ] || missing="Python>=3.11 $missing"
[ -z "$missing" ] || die "missing: $missing
  -> Install with: $(install_line "$target")
     Then run the same make command again."
if [ "$target" = vulkan ]; then
    choose_vulkan_headers
    tell_of_absent_vulkan_driver
fi
# NVIDIA's own packages put the compiler where cmake does not look for it.
if [ "$target" = cuda ] && ! command -v "${CUDACXX:-nvcc}" >/dev/null; then
    export CUDACXX="${CUDA_HOME:-/usr/local/cuda}/bin/nvcc"
fi

# --- uv, which installs from the lock file --------------------------------------------------------
if command -v uv >/dev/null; then uv=uv
else
    uv=.uv/bin/uv
    if [ ! -x "$uv" ]; then
        say "setup: installing uv into .uv"
        "$python" -m venv .uv || die "Python cannot make virtual environments
  -> Install with: $(install_line "$target")"
        .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
    fi
fi
[ -x "$environment/bin/python" ] || "$uv" venv --quiet --python "$python" "$environment"
into() { "$uv" pip "$@" --python "$environment/bin/python"; }

# --- llama-cpp-python, compiled for this processor and the target ---------------------------------
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
have=$(into freeze 2>/dev/null | grep -i '^llama-cpp-python==' || true)
# uv keeps the wheels that it has built, and tells them apart by the settings it was given, but not by CMAKE_ARGS in the
# environment: through the latter one target would be handed the wheel of another.
settings=$(echo "$common_options $target_options ${CMAKE_ARGS:-}" | tr -s ' ' ';' | sed 's/;$//')
unset CMAKE_ARGS
record=$environment/llama-cpp-python.settings
work=.setup/llama-$target
install_llama() { # with more options
    into install --no-deps --require-hashes -r "$work.lock" \
        --config-settings-package "llama-cpp-python:cmake.args=$settings" "$@"
}
if [ "$have" != "$wanted" ] || [ "$(cat "$record" 2>/dev/null)" != "$wanted $settings" ]; then
    mkdir -p .setup
    pinned llama-cpp-python > "$work.lock"
    # A build of the same version with other settings would count as installed.
    [ -z "$have" ] || into uninstall --quiet llama-cpp-python
    # Without a network and without build tools uv can only take a wheel that it has kept.
    if install_llama --offline --no-build-isolation >/dev/null 2>&1; then
        say "setup: $wanted was compiled on this machine before; uv has kept it"
    else
        say "setup: compiling $wanted for this processor and target $target. This takes $(minutes_to_compile "$target")"
        say "       minutes on 2 cores; uv keeps the result, and then another clone on this machine takes seconds."
        tty=0; [ -t 2 ] && tty=1
        : "${CMAKE_BUILD_PARALLEL_LEVEL:=$("$python" -c 'import os; print(os.cpu_count())')}"
        export CMAKE_BUILD_PARALLEL_LEVEL
        # A pipeline hides the exit code of its first command, so that is kept in a file.
        { install_llama -v 2>&1 && echo 0 > "$work.code" || echo 1 > "$work.code"; } | tee "$work.log" | progress "$tty"
        [ "$(cat "$work.code")" = 0 ] || die "llama-cpp-python did not compile; the end of $work.log:
$(tail -n 15 "$work.log")
  -> If a tool is missing: $(install_line "$target")"
    fi
    echo "$wanted $settings" > "$record"
fi

# --- everything else ------------------------------------------------------------------------------
say "setup: installing the packages of requirements.lock (about 1 GB the first time)"
if [ -n "$given" ]; then into install --quiet --require-hashes -r requirements.lock # keeps what else is there
else into sync --quiet --require-hashes requirements.lock
fi
into install --quiet --no-deps --editable .
"$environment/bin/medeval" --version >&2
