#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: real mail clients and servers as peers.
#
# By apt as root, or through sudo when it asks for no password; otherwise it names what is missing and stops.
# Only the packages' tools are wanted: no daemon is started, now or at the next boot.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '== %s\n' "$*"; }

PATH=$PATH:/usr/sbin:/sbin
missing=()
need() { # need PACKAGE TEST...
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

need postfix command -v smtp-source
need swaks command -v swaks
need libnet-ssleay-perl perl -MNet::SSLeay -e 1 # swaks speaks TLS with it
need libauthen-sasl-perl perl -MAuthen::SASL -e 1 # swaks speaks DIGEST-MD5 with it and the next
need libdigest-hmac-perl perl -MDigest::HMAC_MD5 -e 1
need curl command -v curl
need openssl command -v openssl
need prometheus command -v promtool
need python3 command -v python3
need python3-venv python3 -c 'import venv, ensurepip'
need libpython3-testsuite python3 -c "import test.test_email" # messages that CPython is tested with
need procps command -v ps
need nodejs command -v node
need npm command -v npm
need nsd command -v nsd # the domains of the direct route
need ldnsutils command -v ldns-signzone

as_root=()
policy=/usr/sbin/policy-rc.d

install() {
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      echo "The tests need these Debian packages: ${missing[*]}" >&2
      echo "Install them:  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
      echo "(this script does it by itself as root, or where sudo asks for no password)" >&2
      exit 1
    fi
  fi
  say "installing ${missing[*]}"
  # Debian asks this file before any package starts its daemon; 101 is "not allowed".
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  "${as_root[@]}" apt-get update -qq
  # "No configuration": Postfix without a main.cf asks nothing and runs nothing.
  echo 'postfix postfix/main_mailer_type select No configuration' | "${as_root[@]}" debconf-set-selections
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  local package
  for package in "${missing[@]}"; do
    case $package in
      postfix | prometheus | nsd)
        if command -v systemctl >/dev/null; then "${as_root[@]}" systemctl disable --quiet "$package" || true; fi
        ;;
    esac
  done
}

if [ ${#missing[@]} -gt 0 ]; then install; fi

# PyPI's peers go into a virtual environment, which takes what the system's Python already has.
venv=${CARGO_TARGET_DIR:-target}/test-venv
peers='import aiosmtplib, tlslite'
if ! "$venv/bin/python3" -c "$peers" 2>/dev/null; then
  say "making a Python environment for the tests in $venv"
  python3 -m venv --system-site-packages "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/support/requirements.txt
fi
# npm's go into a folder of their own, as the lock file says and without running anything of theirs.
node=${CARGO_TARGET_DIR:-target}/test-node
locked=tests/support/authorization_server
if ! cmp -s "$locked/package-lock.json" "$node/package-lock.json" || [ ! -d "$node/node_modules/oidc-provider" ]; then
  say "installing an authorization server for the tests in $node"
  mkdir -p "$node"
  cp "$locked/package.json" "$locked/package-lock.json" "$node"
  (cd "$node" && npm ci --silent --no-audit --no-fund --ignore-scripts)
fi
say "peers: swaks $(swaks --version | sed -n 's/^swaks version //p'), $(openssl version | cut -d' ' -f1,2)," \
  "$("$venv/bin/python3" --version), $(promtool --version 2>&1 | sed -n 's/^promtool, version \([^ ]*\).*/promtool \1/p')"
