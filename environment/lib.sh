# shellcheck shell=bash
# Functions shared by setup.sh and exec.sh. Sourced; sets:
#   repository      the clone these scripts stand in
#   cache           $XDG_CACHE_HOME/ssbmech, shared by all clones of this user
#   environment     $cache/env-<hash>, the folder environment (may not exist yet)
# Two kinds of environment: "native" (the python3 on the path has DOLFINx: nothing is built) and "folder"
# (Debian 13 unpacked in a folder and entered by bwrap, or by chroot where bwrap is missing).

repository=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
cache=${SSBMECH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ssbmech}
native_bin=""
environment=""

say() { printf '[ssbmech] %s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

lists_hash() {
    (cd "$repository/environment" && cat packages-debian.txt requirements-dev.txt install-debian.sh build.sh && uname -m) |
        sha256sum | cut -c1-12
}

# Sets `kind` to native or folder. Takes under 0.1 s: looks for modules, imports none.
choose_environment() {
    local answer=""
    if [ "${SSBMECH_ENVIRONMENT:-}" != folder ] && command -v python3 >/dev/null; then
        answer=$(python3 "$repository/environment/probe.py" 2>/dev/null) || answer=""
    fi
    case $answer in
    ready) kind=native ;;
    missing\ *)
        kind=native
        # shellcheck disable=SC2086  # a list of words
        complete_native ${answer#missing }
        ;;
    *)
        kind=folder
        environment=$cache/env-$(lists_hash)
        ;;
    esac
}

# complete_native PACKAGE...: a venv over the native python that adds what it lacks.
complete_native() {
    local python target key
    python=$(python3 -c 'import sys; print(sys.executable)')
    key=$(printf '%s\n' "$python" "$*" | cat - "$repository/environment/names.txt" | sha256sum | cut -c1-12)
    target=$cache/venv-$key
    native_bin=$target/bin
    [ -e "$target/.complete" ] && return
    mkdir -p "$cache"
    with_lock "$target.lock" build_venv "$target" "$python" "$@"
}

build_venv() {
    local target=$1 python=$2 site
    shift 2
    [ -e "$target/.complete" ] && return
    say "DOLFINx is here; adding $* in $target (once, about a minute)"
    rm -rf "$target"
    "$python" -m venv --without-pip --system-site-packages "$target"
    # "system" site packages are those of the base Python, also when $python is itself in a venv: name its own.
    site=$("$target/bin/python3" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    "$python" -c 'import sys; print("\n".join(p for p in sys.path if p.endswith("-packages")))' >"$site/parent.pth"
    local wanted=() package
    for package; do
        wanted+=("$(grep -oE "^$package==.*" "$repository/environment/requirements-dev.txt" || echo "$package")")
    done
    "$python" -m pip --python "$target/bin/python3" install -q "${wanted[@]}" >&2 ||
        fail "pip could not add: $*. Install them into this environment by its own means (environment/names.txt has the names)."
    touch "$target/.complete"
}

with_lock() {
    local lock=$1
    shift
    {
        flock -n 9 || {
            end_orphans
            flock -n 9 || say "another terminal is building; waiting for it"
            flock 9
        }
        "$@"
    } 9>"$lock"
}

# Ends what a killed build has left running inside its folder (it still holds the lock and would finish for nobody).
end_orphans() {
    local building process ended=""
    for building in "$environment".building.*; do
        [ -e "$building" ] && ! kill -0 "${building##*.}" 2>/dev/null || continue
        for process in /proc/[0-9]*; do
            if [ "$(readlink "$process/root")" = "$building" ]; then
                kill -9 "${process#/proc/}" && ended=yes
            fi
        done
    done
    [ -z "$ended" ] || sleep 2
}

# What a folder has to hold: size and name of every program and library, as found when it was built.
inventory() {
    (cd "$1" && find usr/bin usr/lib \( -name '*.so' -o -name '*.so.*' -o -path 'usr/bin/*' \) ! -type d -print0 |
        LC_ALL=C sort -z | xargs -0 stat -c '%s %n')
}

folder_is_whole() {
    [ -e "$environment/.complete" ] &&
        (cd "$environment" && cut -d' ' -f2- .complete | tr '\n' '\0' | xargs -0 stat -c '%s %n' 2>/dev/null | cmp -s - .complete)
}

# Builds or repairs what is needed; silent and quick (under 0.1 s) when there is nothing to do.
ensure_environment() {
    [ "$kind" = native ] && return
    folder_is_whole && return
    mkdir -p "$cache"
    with_lock "$environment.lock" build_folder
}

remove_folder() {
    local mounted
    # An interrupted build may leave mounts inside; never delete through one.
    while read -r mounted; do
        umount -l "$mounted" || fail "cannot unmount $mounted"
    done < <(awk -v p="$1/" 'index($5, p) == 1 { print $5 }' /proc/self/mountinfo | LC_ALL=C sort -r)
    rm -rf --one-file-system "$1"
}

build_folder() {
    local left start log=$environment.log building
    for left in "$environment".building.*; do # a build that was killed
        if [ -e "$left" ]; then
            say "removing a build that did not finish: $left"
            remove_folder "$left"
        fi
    done
    folder_is_whole && return
    [ "$(id -u)" = 0 ] || fail "no DOLFINx 0.9 to 0.11 in python3, and building the environment takes root. Either run 'make test'" \
        "once as root, or use conda: 'conda env create -f environment.yml && conda activate ssbmech' (or the Dockerfile)."
    if [ -e "$environment" ]; then
        say "the environment in $environment is damaged; building it again"
        remove_folder "$environment"
    fi
    install_builders
    say "building the environment (Debian 13 with DOLFINx, about 2.5 GB) in $environment"
    say "this is done once and usually takes 2 to 4 minutes; details in $log"
    building=$environment.building.$$
    start=$SECONDS
    if ! "$repository/environment/build.sh" "$building" 2>&1 | tee "$log" | sed -un '/customize-hook/d; s/^\(I:\|==>\) */[ssbmech]   /p' >&2; then
        tail -n 20 "$log" >&2
        remove_folder "$building"
        fail "the environment could not be built (see above and $log); the next 'make' tries again"
    fi
    inventory "$building" >"$building/.complete.part"
    mv "$building/.complete.part" "$building/.complete"
    mv "$building" "$environment"
    say "environment built in $((SECONDS - start)) s"
}

install_builders() {
    command -v mmdebstrap >/dev/null && command -v bwrap >/dev/null && return
    command -v apt-get >/dev/null ||
        fail "mmdebstrap is needed to build the environment and there is no apt-get here to install it." \
            "Use conda instead: 'conda env create -f environment.yml && conda activate ssbmech' (or the Dockerfile)."
    say "installing mmdebstrap and bubblewrap (apt-get)"
    apt-get update -q >/dev/null || say "apt-get update reported problems; going on"
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        mmdebstrap bubblewrap debian-archive-keyring ca-certificates >/dev/null || true
    command -v mmdebstrap >/dev/null || fail "apt-get could not install mmdebstrap"
    command -v bwrap >/dev/null || say "no bubblewrap; chroot will be used"
}

# Folders of this machine that are seen inside under the same path: all but those the environment brings.
host_folders() {
    local folder
    for folder in /*; do
        case $folder in
        /bin | /sbin | /lib | /lib32 | /lib64 | /libx32 | /usr | /etc | /var | /proc | /sys | /dev | /run | /boot | /lost+found) ;;
        *) [ -d "$folder" ] && [ ! -L "$folder" ] && printf '%s\n' "$folder" ;;
        esac
    done
}

# The folders in use that lie where the environment has an empty /var or /run of its own.
odd_folders() {
    local folder
    for folder in "$repository" "$cache" "$HOME" "$PWD"; do
        case $folder in
        /var/* | /run/*) printf '%s\n' "$folder" ;;
        /usr/* | /etc/* | /sys/* | /proc/* | /dev | /boot/*)
            fail "$folder: folders of the system cannot be seen inside the environment; work somewhere else" ;;
        esac
    done
}

host_files() {
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/passwd /etc/group /etc/ssl; do
        [ -e "$file" ] && printf '%s\n' "$file"
    done
}
