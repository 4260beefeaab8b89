#!/bin/bash
# Puts Debian's kernel for clouds into a folder that is not there yet: boot/vmlinuz-VERSION and lib/modules/VERSION, for guests.
# The machine's own kernel and its boot loader are not touched.
set -euo pipefail
target=$1
mkdir -p "${target%/*}"
# Beside the target, so that it comes there whole or not at all.
folder=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# The package of that name is empty and depends on the newest kernel's.
newest() { apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p'; }
apt-get download "$(newest)" || { apt-get update -qq; apt-get download "$(newest)"; }
mkdir root
dpkg-deb --fsys-tarfile ./*.deb | tar -x -C root
[ -d root/lib ] || mv root/usr/lib root/lib
rm -rf root/usr
depmod --basedir root "$(ls root/lib/modules)"
mv -T root "$target"
