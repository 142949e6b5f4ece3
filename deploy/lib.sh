# shellcheck shell=bash
# Sourced by the checks: where things are, how what is missing gets here, and how a check ends. It goes to the repository.
#
# A check ends with 0 if all is well, with 1 if something is wrong, and with 77 if what it needs is not to be had here
# (Debian or PyPI can't be reached, root or namespaces are not allowed); all that it can check without has been, then, and
# its last line on stderr says what has not.

[ -z "${CROUPIER:-}" ] || CROUPIER=$(realpath --canonicalize-missing "$CROUPIER")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
# Debian has some tools where only root looks.
PATH=$PATH:/usr/sbin:/sbin
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)

step() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# Says what could not be checked, and why.
skip() { echo "SKIPPED: $*" >&2; exit 77; }

croupier=${CROUPIER:-$target/debug/croupier}
[ -x "$croupier" ] || fail "there is no $croupier: cargo build --workspace, or name one with CROUPIER"

# Finds the load generator, $loadtest.
need_loadtest() {
    loadtest=${LOADTEST:-$target/debug/croupier-loadtest}
    [ -x "$loadtest" ] || fail "there is no $loadtest: cargo build --workspace, or name one with LOADTEST"
}

# Installs the Debian packages PACKAGE… that are missing.
need_packages() {
    local package missing=()
    for package; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; }; then
        skip "all that needs Debian's ${missing[*]}, which can't be installed"
    fi
}

# Makes a Python environment, $venv, with what ARGUMENT… tells pip.
need_venv() { # NAME ARGUMENT…
    venv=$target/venv-$1
    shift
    [ -x "$venv/bin/pip" ] || /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" || skip "all that needs what pip can't install: $*"
}

# Removes what may have been written as root.
remove() { rm -rf "$@" 2>/dev/null || "${as_root[@]}" rm -rf "$@"; }

# Go on only if WHAT can be checked here.
need_root() { # WHAT
    "${as_root[@]}" true 2>/dev/null || skip "$1: it needs root"
}
need_namespaces() { # WHAT
    need_root "$1"
    "${as_root[@]}" unshare --mount --pid --fork --uts --ipc --net --cgroup mount -t tmpfs none /mnt 2>/dev/null ||
        skip "$1: it needs namespaces with mounts of their own, which are not allowed here"
}
