#!/bin/sh
# Make .venv-convert: torch and transformers, and the converter of the llama.cpp that requirements.lock pins.
# Safe to run again. With a folder as argument, only put the converter there (for conda environments).
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*" >&2; }
die() { say "setup-convert: $*"; exit 1; }

environment=${1:-.venv-convert}
if [ $# -eq 0 ]; then
    if [ ! -x "$environment/bin/python" ]; then
        maker=.venv/bin/python
        [ -x "$maker" ] || die "there is no .venv
  -> Run: make setup"
        "$maker" -m venv "$environment" || die "Python cannot make virtual environments
  -> Install the package that brings Python's venv module, then run: make setup-convert"
        echo '*' > "$environment/.gitignore"
    fi
    say "setup-convert: installing torch and transformers (0.2 to 3 GB to download, 1 to 15 minutes)"
    "$environment/bin/python" -m pip install -qq --disable-pip-version-check -r requirements-convert.txt || die "pip failed
  -> Check the network and pip's index settings. Where only the CPU build of torch is wanted, point pip to an index
     that carries it: PIP_EXTRA_INDEX_URL=... make setup-convert"
fi
python="$environment/bin/python"

# --- The converter, from the source archive of llama-cpp-python ------------------------------------
entry=$(awk 'index($0, "llama-cpp-python==") == 1 {p = 1} p {print} p && !/\\$/ {exit}' requirements.lock)
version=$(printf '%s\n' "$entry" | sed -n '1s/^[^=]*==\([^ ;]*\).*/\1/p')
hash=$(printf '%s\n' "$entry" | sed -n 's/.*--hash=sha256:\([0-9a-f]*\).*/\1/p' | head -n 1)
share="$environment/share/llama-cpp-python-$version"
if [ -f "$share/source.json" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$entry" > "$work/entry.txt"
say "setup-convert: fetching the source archive of llama-cpp-python $version (77 MB, about half a minute)"
# pip looks into the archive's metadata, for which it installs the build tools in a place of its own; nothing is compiled.
"$python" -m pip download -qq --disable-pip-version-check --no-deps --no-binary llama-cpp-python --require-hashes \
    -r "$work/entry.txt" --dest "$work" || die "pip could not fetch the source archive
  -> Check the network and pip's index settings, then run: make setup-convert"
archive=$(ls "$work"/*.tar.gz)
root=$(basename "$archive" .tar.gz)
llama="$root/vendor/llama.cpp"
tar -xzf "$archive" -C "$work" "$root/CHANGELOG.md" "$llama/LICENSE" "$llama/convert_hf_to_gguf.py" \
    "$llama/conversion" "$llama/gguf-py"
# The change log of llama-cpp-python names the commit that a version carries; the archive itself has no other trace of it.
commit=$(awk -v heading="## [$version]" 'index($0, heading) == 1 {p = 1; next} /^## / {p = 0} p' "$work/$root/CHANGELOG.md" \
    | sed -n 's/.*llama\.cpp@\([0-9a-f]*\).*/\1/p' | head -n 1)
printf '{"llama_cpp_python": "%s", "llama_cpp_commit": "%s", "archive_sha256": "%s"}\n' \
    "$version" "$commit" "$hash" > "$work/$llama/source.json"
mkdir -p "$environment/share"
rm -rf "$share"
mv "$work/$llama" "$share"
say "setup-convert: done; the converter of llama.cpp $commit is in $share"
