#!/bin/busybox sh
# The first program of a guest, in the small root in memory: takes this machine's files for its own, read-only with a layer in
# memory above them, and goes on with second.sh there.
set -e
busybox=/bin/busybox
while read -r module; do $busybox insmod "/modules/$module"; done </modules/order
for folder in /host /above /root; do $busybox mkdir -p $folder; done
$busybox mount -t virtiofs -o ro host /host
$busybox mount -t tmpfs -o mode=755 above /above
$busybox mkdir /above/files /above/work
$busybox mount -t overlay -o lowerdir=/host,upperdir=/above/files,workdir=/above/work overlay /root
$busybox mount -t devtmpfs dev /root/dev
$busybox mount -t proc proc /root/proc
$busybox mount -t tmpfs -o mode=755 run /root/run
$busybox cp $busybox /second.sh /job.json /modules.root /root/run/
exec $busybox switch_root /root /bin/sh /run/second.sh
