#!/bin/sh
# Make .venv-vllm, for the vllm target: vLLM with CUDA, lm-eval and medeval, from workflow/envs/vllm.lock. Safe to run
# again.
#
#   setup-vllm.sh [FOLDER]
#
# FOLDER is an environment that exists already, such as conda's; what else is in it stays.
# MEDEVAL_WITHOUT_GPU=1 skips the look for a GPU: for a cluster's login node that shares its disk with the GPU nodes.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
die() { say "setup-vllm: $*"; exit 1; }

lock=workflow/envs/vllm.lock
needed_driver=580 # of CUDA 13, for which the wheels in the lock file are compiled

# --- What the machine must have -------------------------------------------------------------------
system="$(uname -s) on $(uname -m)"
[ "$system" = "Linux on x86_64" ] || die "vLLM's CUDA packages are for Linux on x86_64, and this is $system
  -> Choose another target; on such a machine as well, docs/run/vllm.md says what vLLM's CPU build is good for."
if [ "${MEDEVAL_WITHOUT_GPU:-0}" != 1 ]; then
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1) || driver=
    case "$driver" in
        [0-9]*.*) ;;
        *) die "no NVIDIA driver answers to nvidia-smi
  -> Run this on the machine with the GPU, or install its driver ($needed_driver or newer). On a login node that
     shares its disk with the GPU nodes: MEDEVAL_WITHOUT_GPU=1 make setup-vllm" ;;
    esac
    [ "${driver%%.*}" -ge "$needed_driver" ] || die "the NVIDIA driver is $driver, and CUDA 13 needs $needed_driver or newer
  -> Update the driver, then run: make setup-vllm"
fi
if command -v uv >/dev/null; then uv=uv
elif [ -x .uv/bin/uv ]; then uv=.uv/bin/uv
else die "there is no uv
  -> Run: make setup"
fi

# --- The packages ---------------------------------------------------------------------------------
environment=${1:-.venv-vllm}
into() { "$uv" pip "$@" --python "$environment/bin/python"; }
if [ $# -eq 0 ]; then
    [ -x .venv/bin/python ] || die "there is no .venv
  -> Run: make setup"
    [ -x "$environment/bin/python" ] || "$uv" venv --quiet --python .venv/bin/python "$environment"
fi
say "setup-vllm: installing the packages of $lock (4 GB to download, 9 GB on disk)"
if [ $# -eq 0 ]; then into sync --require-hashes "$lock"
else into install --require-hashes -r "$lock"
fi
# llama-cpp-python is left out of the lock file: this target does not use it, and it would have to be compiled.
into install --quiet --no-deps --editable .
"$environment/bin/medeval" --version >&2
say "setup-vllm: vLLM $("$environment/bin/python" -c 'from importlib.metadata import version; print(version("vllm"))') is ready"
