#!/bin/bash
# exec.sh COMMAND...: runs a command in the project's environment, in the current folder, building or repairing
# the environment first if need be. `environment/setup.sh` says more.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

source_roots=$repository/solver:$repository/meshes:$repository/postprocessing

# Several runs share this machine, and tests use more ranks than cores: do not pin, let waiting ranks yield.
common=(OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}")
if [ -z "${SLURM_JOB_ID:-}${PBS_JOBID:-}${LSB_JOBID:-}" ]; then # a batch system decides for itself
    common+=(OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
        OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1)
fi

run_native() {
    env "${common[@]}" PYTHONPATH="$source_roots${PYTHONPATH:+:$PYTHONPATH}" \
        PATH="${native_bin:+$native_bin:}$PATH" "$@"
}

# One machine only, so shared memory is all that MPI needs. Python settings of the host do not fit the Python inside.
# Compiled forms go to $cache/forms-<hash>/fenics and so are shared by clones.
folder_variables() {
    forms=$cache/forms-${environment##*env-}
    mkdir -p "$forms"
    # A run killed while compiling leaves a lock that blocks that form for ever.
    find "$forms" -name 'libffcx_*.c' -mmin +3 2>/dev/null | while read -r source; do
        [ -e "$source.cached" ] || rm -f "$source"
    done
    # mpirun names its session folder by process number and stops where that exists: numbers come again in a new
    # process namespace, and a killed mpirun leaves its folder behind. So each command gets a place of its own.
    if [ -z "${sessions:-}" ]; then
        sessions=$(mktemp -d /tmp/ssbmech-mpi.XXXXXX)
        trap 'rm -rf "$sessions"' EXIT
    fi
    inside=(env -u PYTHONHOME -u VIRTUAL_ENV -u LD_LIBRARY_PATH -u LD_PRELOAD -u LC_ALL -u PYTHONSTARTUP "${common[@]}"
        OMPI_MCA_btl=self,sm PRTE_MCA_prte_tmpdir_base="$sessions" PYTHONPATH="$source_roots" PYTHONNOUSERSITE=1 LANG=C.UTF-8 XDG_CACHE_HOME="$forms"
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSBMECH_CACHE="$cache")
}

with_bwrap() {
    local arguments=(--tmpfs / --ro-bind "$environment/usr" /usr --symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib
        --symlink usr/lib64 /lib64 --ro-bind "$environment/etc" /etc --tmpfs /var --perms 1777 --dir /var/tmp
        --dev-bind /dev /dev --proc /proc --ro-bind /sys /sys --tmpfs /run --die-with-parent)
    local path odd
    odd=$(odd_folders) || exit 1
    while read -r path; do arguments+=(--bind "$path" "$path"); done < <(
        host_folders
        [ -z "$odd" ] || printf '%s\n' "$odd"
    )
    while read -r path; do arguments+=(--ro-bind "$path" "$path"); done < <(host_files)
    bwrap "${arguments[@]}" --chdir "$PWD" "${inside[@]}" "$@"
}

# Options of unshare that work here: in a chroot whose / is no mount point, propagation cannot be changed.
namespace_options() {
    local propagation
    for propagation in private unchanged; do
        unshare --mount --propagation "$propagation" true 2>/dev/null && echo "--mount --propagation $propagation" && return
    done
    return 1
}

# The same picture by hand, in a mount namespace that vanishes with the command. Takes root.
with_chroot() {
    local odd
    odd=$(odd_folders) || exit 1
    mkdir -p "$cache/root"
    # shellcheck disable=SC2016,SC2046
    unshare $(namespace_options) bash -euc '
        root=$1 environment=$2 folders=$3 files=$4 here=$5
        shift 5
        mount --bind "$root" "$root"
        mount --make-private "$root"
        trap "umount -l \"$root\" 2>/dev/null; umount -l \"$root\"" EXIT
        mount -t tmpfs -o mode=755 ssbmech "$root"
        mkdir "$root"/{usr,etc,var,dev,proc,sys,run}
        for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
        for path in usr etc; do mount --bind "$environment/$path" "$root/$path"; done
        mkdir -m 1777 "$root/var/tmp"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t proc proc "$root/proc"
        while read -r path; do mkdir -p "$root$path"; mount --rbind "$path" "$root$path"; done <<<"$folders"
        while read -r path; do mount --bind "$path" "$root$path"; done <<<"$files"
        chroot "$root" bash -c "cd \"\$0\" && exec \"\$@\"" "$here" "$@"
    ' bash "$cache/root" "$environment" "$(host_folders)${odd:+$'\n'$odd}" "$(host_files)" "$PWD" "${inside[@]}" "$@"
}

run_folder() {
    folder_variables
    if [ "${SSBMECH_ENTER:-}" != chroot ] && bwrap --ro-bind / / --proc /proc true 2>/dev/null; then
        with_bwrap "$@"
    elif [ "$(id -u)" = 0 ] && namespace_options >/dev/null; then
        with_chroot "$@"
    else
        fail "this machine allows neither bwrap nor mounting (an unprivileged container?), so the environment cannot be" \
            "entered. Build the image of the Dockerfile, or install conda's environment.yml, and run there."
    fi
}

run() { "run_$kind" "$@"; }

main() { # a function, so that bash has read all of this file before the long part begins
    local code
    [ $# -gt 0 ] || fail "usage: environment/exec.sh COMMAND..."
    choose_environment
    ensure_environment || exit 1
    run "$@"
    code=$?

    # A failure may be the environment's: look before handing it on. 2 is an error in the user's input, above 128 a signal.
    if [ "$kind" = folder ] && [ $code -ne 0 ] && [ $code -ne 2 ] && [ $code -le 128 ] &&
        ! run python3 "$repository/environment/selfcheck.py" >/dev/null 2>&1; then
        say "the command failed and the environment's self-check fails too"
        rm -f "$environment/.complete"
        ensure_environment || exit 1
        run "$@"
        code=$?
    fi
    exit $code
}

main "$@"
