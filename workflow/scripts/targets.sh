# Read by setup.sh: for each target, the options llama.cpp is compiled with and what the machine must have.
# shellcheck shell=sh

# Without AMX: GCC 12 and older take ldtilecfg to read 8 of its 64 bytes and drop the stores of the rest, so that on
# processors with AMX every product of quantized weights ends in an illegal instruction. It also sums in another order.
common_options="-DLLAVA_BUILD=OFF -DCMAKE_C_FLAGS=-U__AMX_INT8__ -DCMAKE_CXX_FLAGS=-U__AMX_INT8__"

compile_options() { # what cmake is told for a target
    case "$1" in
        # llama-cpp-python's own CMakeLists.txt switches Metal on for every build on macOS, so a build for the processor
        # alone is not to be had there; the engine then gives a model for `cpu` no device.
        cpu) ;;
        vulkan) echo -DGGML_VULKAN=ON ;;
        metal) echo -DGGML_METAL=ON ;;
        cuda) echo -DGGML_CUDA=ON ;;
        *) return 1 ;;
    esac
}

minutes_to_compile() { # on 2 cores
    case "$1" in
        vulkan) echo "8 to 40" ;;
        cuda) echo "20 to 90" ;;
        *) echo "2 to 15" ;;
    esac
}

install_line() { # what this system calls C/C++ compiler, cmake, git, Python with venv, and the packages of a target
    if [ "$(uname -s)" = Darwin ]; then
        echo "xcode-select --install; brew install cmake git python@3.12"
    elif command -v apt-get >/dev/null; then
        case "$1" in
            vulkan) set -- libvulkan-dev glslc spirv-headers mesa-vulkan-drivers ;;
            cuda) set -- nvidia-cuda-toolkit ;;
            *) set -- ;;
        esac
        echo "sudo apt-get install -y build-essential cmake git python3 python3-venv $*"
    elif command -v dnf >/dev/null; then
        case "$1" in
            vulkan) set -- vulkan-headers vulkan-loader-devel glslc spirv-headers-devel mesa-vulkan-drivers ;;
            cuda) set -- cuda-toolkit "  (cuda-toolkit comes from NVIDIA's repository)" ;;
            *) set -- ;;
        esac
        echo "sudo dnf install -y gcc gcc-c++ cmake git make python3 $*"
    elif command -v pacman >/dev/null; then
        case "$1" in
            vulkan) set -- vulkan-headers vulkan-icd-loader shaderc spirv-headers "  and the driver of your card" ;;
            cuda) set -- cuda ;;
            *) set -- ;;
        esac
        echo "sudo pacman -S --needed base-devel cmake git python $*"
    else
        echo "install a C and a C++ compiler, cmake, git, Python 3.11 or newer, and what docs/run/targets.md names for $1"
    fi
}

missing_tools() { # the names of what a target needs and this machine lacks
    command -v "${CC:-cc}" >/dev/null || echo C-compiler
    command -v "${CXX:-c++}" >/dev/null || echo C++-compiler
    command -v cmake >/dev/null || echo cmake
    command -v git >/dev/null || echo git
    case "$1" in
        vulkan)
            command -v glslc >/dev/null || echo glslc
            command -v "${CXX:-c++}" >/dev/null || return 0
            [ -n "${VULKAN_HEADERS:-}" ] || has_header vulkan/vulkan.hpp || echo Vulkan-headers
            has_vulkan_loader || echo Vulkan-loader
            has_header spirv/unified1/spirv.hpp || echo SPIRV-headers ;;
        cuda)
            command -v "${CUDACXX:-nvcc}" >/dev/null || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ] \
                || echo "nvcc(CUDA-toolkit)" ;;
        metal) xcode-select -p >/dev/null 2>&1 || echo Xcode-command-line-tools ;;
    esac
}

refuse_wrong_system() { # of targets that this operating system cannot have
    case "$1-$(uname -s)" in
        cpu-* | metal-Darwin) ;;
        metal-*) die "target metal needs macOS, and this is $(uname -s)
  -> Choose another target: make setup, make setup-vulkan or make setup-cuda" ;;
        *-Darwin) die "target $1 cannot be set up on macOS
  -> Use the card through Metal: make setup-metal" ;;
    esac
}

# CPPFLAGS and LDFLAGS, where conda names its folders, are lists of words.
# shellcheck disable=SC2086
has_header() {
    printf '#include <%s>\n' "$1" | "${CXX:-c++}" ${CPPFLAGS:-} -E -x c++ - >/dev/null 2>&1
}

# shellcheck disable=SC2086
has_vulkan_loader() {
    echo 'int main() {}' | "${CXX:-c++}" ${LDFLAGS:-} -x c++ - -lvulkan -o /dev/null 2>/dev/null
}

# shellcheck disable=SC2086
vulkan_header_version() { # the number of the headers' release (1.3.NUMBER, 1.4.NUMBER), with a folder to look in first
    printf '#include <vulkan/vulkan_core.h>\nVK_HEADER_VERSION\n' \
        | "${CXX:-c++}" ${1:+-I"$1"} ${CPPFLAGS:-} -E -P -x c++ - 2>/dev/null | tail -n 1
}

choose_vulkan_headers() { # set Vulkan_ROOT for cmake unless the system's headers serve
    oldest=272 # the first release with VK_EXT_layer_settings, which ggml-vulkan.cpp uses
    if [ -n "${VULKAN_HEADERS:-}" ]; then
        if ! [ -f "$VULKAN_HEADERS/include/vulkan/vulkan.hpp" ] \
            || ! [ "$(vulkan_header_version "$VULKAN_HEADERS/include")" -ge "$oldest" ]; then
            die "VULKAN_HEADERS=$VULKAN_HEADERS has no include/vulkan/vulkan.hpp of release 1.3.$oldest or newer
  -> Name the folder of a newer release of Khronos' Vulkan-Headers, which has the folder include in it"
        fi
        Vulkan_ROOT=$(cd "$VULKAN_HEADERS" && pwd)
        export Vulkan_ROOT
    elif [ "$(vulkan_header_version)" -lt "$oldest" ]; then
        say "setup: llama.cpp needs Vulkan headers of release $oldest; this system's are of $(vulkan_header_version)"
        workflow/scripts/vulkan-headers.sh .setup/vulkan-headers || exit 1
        Vulkan_ROOT=$PWD/.setup/vulkan-headers
        export Vulkan_ROOT
    fi
}

tell_of_absent_vulkan_driver() { # a machine that only compiles needs none, so this is no error
    [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] || return 0
    for driver in /usr/share/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json; do
        [ ! -f "$driver" ] || return 0
    done
    say "setup: no Vulkan driver was found: medeval will refuse the target vulkan on this machine until there is one
  -> Install the driver of your card"
}
