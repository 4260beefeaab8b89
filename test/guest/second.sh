#!/bin/sh
# Makes of the guest a machine with cgroup v2 alone, runs the job, and turns the guest off. Where it fails before, the kernel
# panics, and QEMU ends.
set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
exec >/dev/console 2>&1 </dev/null
mount -t sysfs sys /sys
mount -t cgroup2 -o nsdelegate cgroup /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm /dev/mqueue /scratch /run/lock
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
# For the kernel, which loads what is missing by itself.
mkdir -p /lib/modules
mount --bind "$(cat /run/modules.root)/lib/modules" /lib/modules
# Other machines have its device file from the start, and load it when that is opened.
modprobe loop
# Layers above others must be on a file system of their own: the guest's root is one itself.
mount -o prjquota /dev/vda /scratch
export TMPDIR=/scratch
ip link set lo up
hostname guest
for port in /sys/class/virtio-ports/*; do
  if [ "$(cat "$port/name")" = wherry.job ]; then results=/dev/${port##*/}; fi
done
root=$(sed -n 's/.*"root":"\([^"]*\)".*/\1/p' /run/job.json)
cd "$root"
PATH=$root/node_modules/.bin:$PATH
export PATH NODE_COMPILE_CACHE=/var/cache/wherry NO_COLOR=1
node test/guest/inside.ts /run/job.json 3>"$results" || tail -n 20 /scratch/*/state/*/log/*
exec /run/busybox poweroff -f
