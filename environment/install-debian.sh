#!/bin/sh
# Installs everything the project needs into the Debian 13 system it runs in, as root.
# The folder environment (build.sh) and the Dockerfile both call it; nothing else installs packages.
set -eu
here=$(dirname "$(readlink -f "$0")")
export DEBIAN_FRONTEND=noninteractive

# Manuals, static libraries (bar the compiler's own) and Boost headers come along by dependency and are not
# used at run time: without them the environment is a third smaller and unpacks faster.
mkdir -p /etc/dpkg/dpkg.cfg.d
cat > /etc/dpkg/dpkg.cfg.d/ssbmech <<'CFG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/javascript/mathjax/*
path-exclude=/usr/include/boost/*
path-exclude=/usr/lib/debug/*
path-exclude=/usr/lib/*.a
path-include=/usr/lib/gcc/*
path-include=/usr/lib/*/libc.a
path-include=/usr/lib/*/libc_nonshared.a
path-include=/usr/lib/*/libm.a
path-include=/usr/lib/*/libm-*.a
path-include=/usr/lib/*/libmvec.a
path-include=/usr/lib/*/libpthread.a
path-include=/usr/lib/*/libdl.a
path-include=/usr/lib/*/librt.a
path-include=/usr/lib/*/libutil.a
CFG

echo "==> package lists"
apt-get update -q
echo "==> packages"
sed -e 's/#.*//' "$here/packages-debian.txt" | xargs apt-get install -q -y --no-install-recommends
apt-get clean
rm -rf /var/lib/apt/lists/*

# pip honours PIP_CERT, PIP_INDEX_URL and the proxy variables. A machine without PyPI can still run
# everything but the linter, so this step warns instead of failing.
echo "==> development tools"
python3 -m pip install -q --root-user-action=ignore --break-system-packages --no-cache-dir \
    -r "$here/requirements-dev.txt" ||
    echo "==> warning: pip could not install environment/requirements-dev.txt; 'make lint' will not work"
