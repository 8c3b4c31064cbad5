#!/bin/sh
# Snakemake runs this once, inside the environment of vllm.yaml. Its copy of this file, too, lies two levels below the
# project's root.
set -eu
"$(dirname "$0")/../../workflow/scripts/setup-vllm.sh" "$CONDA_PREFIX"
