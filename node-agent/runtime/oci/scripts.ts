/**
 * The shell scripts that make and unmake pods. Each does in one child of ours what would be many: a child costs us time in proportion to our memory, a child of
 * the shell next to nothing. They take all they need as arguments and repeat without harm.
 */

/** The first argument of each script, so that a process that runs one can be told after a crash; the second is the pod's uid or container's id. */
export const scriptNames = { sandbox: 'wherry-sandbox', container: 'wherry-container' } as const;

/**
 * Arguments: name, uid, folder of pins, flags for unshare (separated by spaces), script for inside, hostname, domain name, settings (`path=value` lines), `ip` commands
 * inside, `ip` commands on the node.
 */
export const sandboxScript = `set -e
pins=$2 flags=$3 inside=$4 hostname=$5 domainname=$6 settings=$7 within=$8 outside=$9
cd "$pins"
mkdir -p shm
mount -t tmpfs -o size=65536k,mode=1777,nosuid,nodev,noexec shm shm &
memory=$!
for flag in $flags; do : >"\${flag#*=}"; done
unshare $flags sh -c "$inside" sh "$hostname" "$domainname" "$settings" "$within"
if [ -n "$outside" ]; then
  ip -batch - <<END
$outside
END
fi
wait $memory
`;

/** Runs within the pod's new namespaces. */
export const insideScript = `set -e
printf %s "$1" >/proc/sys/kernel/hostname
if [ -n "$2" ]; then printf %s "$2" >/proc/sys/kernel/domainname; fi
while IFS== read -r path value; do
  if [ -n "$path" ]; then printf %s "$value" >"/proc/sys/$path"; fi
done <<END
$3
END
if [ -n "$4" ]; then
  ip -batch - <<END
$4
END
fi
`;

/** Starts the process that holds a shared process namespace, and pins that. Arguments: name, uid, folder of pins, crun, crun's root, container id. */
export const pauseScript = `set -e
cd "$2"
# The holder keeps what it is given as its streams, so none of them may be ours.
if ! "$3" --root="$4" --cgroup-manager=cgroupfs run --detach --pid-file="$2/pause/pid" --bundle="$2/pause" "$5" </dev/null >/dev/null 2>pause/log; then
  cat pause/log >&2
  exit 1
fi
: >pid
mount --bind "/proc/$(cat pause/pid)/ns/pid" pid
`;

/**
 * Makes a file system of a size and mounts it, for a layer that may not grow beyond. It takes of the disk only what is written to it. Arguments: name, id, file, size in
 * bytes, mount point.
 */
export const layerDiskScript = `set -e
file=$2 size=$3 point=$4
truncate --size="$size" "$file"
mkfs.ext4 -q -m 0 -O ^has_journal,^resize_inode -E nodiscard "$file"
# Where devices are not made by the kernel, the next free one may have no node yet.
device=$(losetup --find)
[ -b "$device" ] || mknod "$device" b 7 "\${device#/dev/loop}"
mount -t ext4 -o loop,noatime "$file" "$point"
`;

/** Mounts a root. Arguments: name, id, folder to stand in, options, mount point. */
export const mountScript = `cd "$2" && exec mount -t overlay -o "$3" overlay "$4"
`;

/**
 * Creates a container under conmon and starts it. Prints conmon's report of the creation: \`{"data": pid}\`, or with a message. Arguments: name, id, bundle, crun, crun's
 * root, folder to stand in and options for the root ('' when it is mounted already), conmon and its arguments.
 */
export const containerScript = `set -e
id=$1 bundle=$2 crun=$3 root=$4 from=$5 options=$6
shift 6
if [ -n "$options" ]; then
  cd "$from"
  mount -t overlay -o "$options" overlay "$bundle/rootfs"
fi
cd "$bundle"
_OCI_SYNCPIPE=3 "$@" 3>&1 </dev/null >/dev/null 2>conmon.log | {
  read -r report || :
  printf '%s\\n' "$report"
  case $report in *message*|'') exit 3 ;; esac
  exec "$crun" --root="$root" --cgroup-manager=cgroupfs start "$id"
}
`;

/** Removes what is left of ended containers: kernel objects only. Arguments: name, pod uid, crun, crun's root, folder of containers, ids. */
export const removeContainersScript = `crun=$2 root=$3 containers=$4
shift 4
for id; do
  "$crun" --root="$root" --cgroup-manager=cgroupfs delete --force "$id" 2>/dev/null
  umount "$containers/$id/rootfs" 2>/dev/null || umount --lazy "$containers/$id/rootfs" 2>/dev/null
  if [ -e "$containers/$id/layer.disk" ]; then
    umount "$containers/$id/layer" 2>/dev/null || umount --lazy "$containers/$id/layer" 2>/dev/null
  fi
done
:
`;

/** Removes a sandbox's kernel objects. Arguments: name, uid, crun, crun's root, folder of pins, container id of the holder ('' for none), interface ('' for none). */
export const removeSandboxScript = `crun=$2 root=$3 pins=$4 pause=$5 interface=$6
if [ -n "$interface" ]; then ip link delete "$interface" 2>/dev/null & fi
if [ -n "$pause" ]; then "$crun" --root="$root" --cgroup-manager=cgroupfs delete --force "$pause" 2>/dev/null; fi
for pin in net ipc uts pid shm; do
  umount "$pins/$pin" 2>/dev/null
done
wait
:
`;
