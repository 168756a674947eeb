#!/bin/bash
# build.sh DIR: builds the reference environment (Debian 13 with install-debian.sh run in it) as the
# folder DIR, as root, with mmdebstrap. Meant to be called by setup.sh, which locks, times and moves it in place.
set -euo pipefail
root=$1
SSBMECH_ENVIRONMENT_SOURCE=$(dirname "$(readlink -f "$0")")
export SSBMECH_ENVIRONMENT_SOURCE
mirror=${SSBMECH_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# Proxies, certificates and date checks of this machine's apt count inside too.
options=$(mktemp)
trap 'rm -f "$options"' EXIT
apt-config dump | grep -E '^Acquire::((http|https)(::|:)|Check-|Retries|ForceIPv[46])' | grep -v '""' >"$options" || true

# Certificates of this machine for pip, in case a proxy signs with its own authority.
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    SSBMECH_HOST_CERTIFICATES=$(readlink -f "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}")
    export SSBMECH_HOST_CERTIFICATES
    for variable in PIP_CERT REQUESTS_CA_BUNDLE SSL_CERT_FILE; do export "$variable=/opt/environment/host.crt"; done
fi
unset SSL_CERT_DIR CURL_CA_BUNDLE PIP_FIND_LINKS

# In the hooks "$1" is the new root.
# shellcheck disable=SC2016
mmdebstrap --variant=minbase --aptopt="$options" \
    --customize-hook='mkdir -p "$1/opt/environment" && cp "$SSBMECH_ENVIRONMENT_SOURCE"/*.txt "$SSBMECH_ENVIRONMENT_SOURCE"/install-debian.sh "$1/opt/environment/"' \
    --customize-hook='if [ -n "${SSBMECH_HOST_CERTIFICATES:-}" ]; then cp "$SSBMECH_HOST_CERTIFICATES" "$1/opt/environment/host.crt"; fi' \
    --customize-hook='if [ -r /etc/pip.conf ]; then cp /etc/pip.conf "$1/etc/pip.conf"; fi' \
    --customize-hook='chroot "$1" env PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /opt/environment/install-debian.sh' \
    trixie "$root" "$mirror"

# Mount points for what is bound from the host.
rm -f "$root/etc/resolv.conf" "$root/etc/hosts"
touch "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/passwd" "$root/etc/group"
mkdir -p "$root/etc/ssl" "$root/var/tmp"
