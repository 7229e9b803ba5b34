# Shared by the scripts: what must be installed, and how a preset is built.
# Sourced, not run. Everything it says goes to standard error; standard input is left for the program.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# All but the libtorch module needs no more than these, called so in every release below.
native_packages=(build-essential cmake ninja-build pkg-config
  libsentencepiece-dev libcli11-dev nlohmann-json3-dev libpcre2-dev libssl-dev libzstd-dev libzip-dev libxxhash-dev
  zlib1g-dev libutf8proc-dev libfmt-dev libspdlog-dev libseccomp-dev libedit-dev libdivsufsort-dev)
torch_packages=(libtorch-dev libopenblas0-pthread)
# shellcheck disable=SC2034  # used by scripts/test and others
build_packages=("${native_packages[@]}" "${torch_packages[@]}")
gtest_packages=(libgtest-dev libgmock-dev)
# Shells and readers of manual pages, which tests run.
document_packages=(zsh fish groff-base man-db mandoc python3-yaml)
# shellcheck disable=SC2034
test_packages=("${build_packages[@]}" "${gtest_packages[@]}" "${document_packages[@]}")

# The releases that can be built on, with the libtorch that each has. scripts/test_in builds and tests in those of Debian;
# of Ubuntu's only the package lists were looked at.
declare -A libtorch_of=(
  ["debian 12"]=1.13 ["debian 13"]=2.6
  ["ubuntu 24.04"]="" ["ubuntu 26.04"]=2.9)
# Those that cannot, and why.
declare -A obstacle_of=(["ubuntu 22.04"]="its CMake is 3.22, and medgen needs 3.25; its libtorch, 1.8, is too old as well")

say() { printf '%s\n' "$*" >&2; }

# The id and version of this system, such as "debian 12".
system_name() {
  local os_release=${MEDGEN_OS_RELEASE:-/etc/os-release}
  # shellcheck disable=SC1090
  [ -r "$os_release" ] && (. "$os_release" && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# Says what must be there on a system whose packages these scripts do not install.
tell_packages() {
  local system=$1 preset=release
  shift
  [[ " $* " == *" libtorch-dev "* ]] || preset=release-native
  say "This is ${system}, and medgen's scripts install packages on Debian 12 and 13, Ubuntu 24.04 and 26.04 only."
  [ -z "${obstacle_of[$system]-}" ] || say "With ${system^} as it comes: ${obstacle_of[$system]}."
  say "Needed, under Debian's names: $*"
  say "With these in place: cmake --preset $preset && cmake --build --preset $preset"
}

# Installs the missing ones of the named packages, or says what is needed and fails.
install_packages() {
  local system missing as_root=()
  system=$(system_name) || system=unknown
  if [ -z "${libtorch_of[$system]+known}" ]; then
    tell_packages "$system" "$@"
    return 1
  fi
  if [[ " $* " == *" libtorch-dev "* && -z ${libtorch_of[$system]} ]]; then
    say "${system^} has no package of libtorch. Most of medgen needs none: put --no-torch first after scripts/run or"
    say "scripts/test. For the rest, unpack PyTorch's own libtorch and build with it:"
    say "  cmake --preset release -DCMAKE_PREFIX_PATH=FOLDER/libtorch && cmake --build --preset release"
    return 1
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "Packages are missing, and this user can neither install them nor use sudo. As root, run:"
      say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
      return 1
    fi
    as_root=(sudo)
  fi
  say "Installing: ${missing[*]}"
  # Standard input may hold the prompt: nothing here may read it.
  "${as_root[@]}" apt-get update </dev/null >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >&2 && return 0
  say "Installing failed. By hand, as root:"
  say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  return 1
}

# Configures and builds a preset, saying little unless something fails.
build_preset() {
  local preset=$1
  shift
  (cd "$root" && cmake --preset "$preset" ${UNITY_BUILD:+"-DCMAKE_UNITY_BUILD=$UNITY_BUILD"} &&
    cmake --build --preset "$preset" "$@") </dev/null >&2
}
