#!/bin/bash
# Makes sure that there is an environment to run in; says nothing when there is nothing to do.
#   environment/setup.sh            build or repair if needed
#   environment/setup.sh --doctor   also try out what it holds and print the versions
#   environment/setup.sh --prune    delete environments and compiled forms that this version does not use
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
choose_environment
ensure_environment

case ${1:-} in
"") ;;
--doctor)
    if [ "$kind" = native ]; then
        say "using the environment of $(command -v python3)${native_bin:+, completed in $native_bin}"
    else
        say "using the folder $environment"
    fi
    "$repository/environment/exec.sh" python3 "$repository/environment/selfcheck.py" ||
        fail "the environment is broken${native_bin:+; delete $(dirname "$native_bin") to have it completed anew}"
    ;;
--prune)
    shopt -s nullglob
    for old in "$cache"/env-* "$cache"/forms-* "$cache"/venv-*; do
        [ -n "$environment" ] && case $old in
        "$environment" | "$environment".* | "$cache/forms-${environment##*env-}") continue ;;
        esac
        [ -n "$native_bin" ] && [[ $old == "${native_bin%/bin}"* ]] && continue
        say "deleting $old"
        remove_folder "$old"
    done
    ;;
*) fail "usage: environment/setup.sh [--doctor | --prune]" ;;
esac
