#!/bin/sh
# Put one release of Khronos' Vulkan headers into a folder, for systems whose own are too old for llama.cpp. Nothing is
# installed. Debian's archive carries them for its newer releases; elsewhere they come from Khronos' repository.
set -eu

version=1.4.309
# Of the list of all files' SHA-256; the same for Debian's package and for Khronos' tag v1.4.309.
sha256=4af6f8ca6314383a70bc2a074656b8d2698426a4585ea165d37c06ab7c80c0ce
repository=https://github.com/KhronosGroup/Vulkan-Headers

say() { printf '%s\n' "$*" >&2; }
folder=$1
list_hash() { (cd "$1" && find include -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1); }
if [ -d "$folder/include" ] && [ "$(list_hash "$folder")" = "$sha256" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

from_debian() { # with the mirror that this system uses; apt checks the archive's signature
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    # shellcheck disable=SC1091
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' \
        | awk -v release="$release" '$2 == release && $3 == "main" && !seen[$1]++ {print $1}' > "$work/mirrors"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    while read -r mirror; do
        echo "deb [signed-by=$keys] $mirror trixie main" > "$work/sources.list"
        set -- -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
            -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none \
            -o APT::Sandbox::User="$(id -un)"
        apt-get "$@" update < /dev/null && (cd "$work" && apt-get "$@" download libvulkan-dev < /dev/null) \
            && dpkg-deb -x "$work"/libvulkan-dev_*.deb "$work/root" && mv "$work/root/usr/include" "$work/include" \
            && return 0
    done < "$work/mirrors"
    return 1
}
from_khronos() {
    git -c advice.detachedHead=false clone --quiet --depth 1 --branch "v$version" "$repository" "$work/clone" \
        && mv "$work/clone/include" "$work/include"
}

say "setup: fetching Vulkan headers $version"
if [ -f /etc/debian_version ] && grep -q '^ID=debian' /etc/os-release; then from=from_debian; else from=from_khronos; fi
if ! "$from" || [ "$(list_hash "$work")" != "$sha256" ]; then
    say "setup: the Vulkan headers $version could not be fetched, or are not those whose SHA-256 is known
  -> Get them elsewhere and name their folder, which has the folder include in it:
     git clone --branch v$version $repository
     make setup-vulkan VULKAN_HEADERS=Vulkan-Headers"
    exit 1
fi
mkdir -p "$folder"
rm -rf "$folder/include"
mv "$work/include" "$folder/include"
