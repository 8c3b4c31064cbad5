#!/bin/sh
# Snakemake runs this once, inside the environment of convert.yaml. Its copy of this file, too, lies two levels below
# the project's root.
set -eu
root=$(dirname "$0")/../..
"$root/workflow/scripts/setup.sh" cpu "$CONDA_PREFIX"
"$CONDA_PREFIX/bin/python" -m pip install -r "$root/requirements-convert.txt"
"$root/workflow/scripts/setup-convert.sh" "$CONDA_PREFIX"
