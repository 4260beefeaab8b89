/**
 * The shell scripts that make and unmake pods. Each does in one child of ours what would be many: a child costs us time in proportion to our memory, a child of
 * the shell next to nothing. They take all they need as arguments and repeat without harm.
 */

/** The first argument of each script, so that a process that runs one can be told after a crash; the second is the pod's uid or container's id. */
export const scriptNames = { sandbox: 'wherry-sandbox', container: 'wherry-container' } as const;

/**
 * Arguments: name, uid, folder of pins, kinds of namespaces (separated by spaces), script for inside, hostname, domain name, settings (`path=value` lines), `ip` commands
 * inside, `ip` commands on the node; and for a pod with users of its own the program that makes their namespace, their first id on the node and their number.
 */
export const sandboxScript = `set -e
pins=$2 kinds=$3 inside=$4 hostname=$5 domainname=$6 settings=$7 within=$8 outside=$9
shift 9
program=$1 first=$2 count=$3
mount -t tmpfs -o size=65536k,mode=755,nosuid,nodev,noexec shm "$pins"
cd "$pins"
flags=
for kind in $kinds; do
  : >"$kind"
  flags="$flags --$kind=$kind"
done
if [ -z "$program" ]; then
  unshare $flags sh -c "$inside" sh "$hostname" "$domainname" "$settings" "$within" ''
else
  : >user
  perl "$program" make "$first" "$count" $kinds
  # Settings and wires are the node's to make: to the pod's own root much of /proc/sys is somebody else's.
  nsenter $flags sh -c "$inside" sh "$hostname" "$domainname" "$settings" "$within" user
fi
if [ -n "$outside" ]; then
  ip -batch - <<END
$outside
END
fi
`;

/** Runs within the pod's new namespaces, but for that of users, whose pin is the last argument ('' for none): what belongs to its root only that may set. */
export const insideScript = `set -e
put() { printf %s "$value" >"/proc/sys/$path"; }
own() { nsenter --user="$users" sh -c 'printf %s "$1" >"/proc/sys/$2"' sh "$value" "$path"; }
users=$5
printf %s "$1" >/proc/sys/kernel/hostname
if [ -n "$2" ]; then printf %s "$2" >/proc/sys/kernel/domainname; fi
while IFS== read -r path value; do
  if [ -z "$path" ]; then continue; fi
  if [ -z "$users" ]; then put; else put 2>/dev/null || own; fi
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
# Nor the node's /dev/null, which crun would give to users of the pod's own.
if ! "$3" --root="$4" --cgroup-manager=cgroupfs run --detach --pid-file="$2/pause/pid" --bundle="$2/pause" "$5" >pause/log 2>&1 <<END
END
then
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

/**
 * Mounts a root: to stand in the folder of layers, options, mount point; and for a pod with users of its own the program that knows of them, their namespace, and a
 * place for the layers with the owners that these see. The root keeps hold of that, so that the place is free again at once.
 */
const mountRoot = `mount_root() {
  from=$1
  if [ -n "$4" ]; then
    perl "$4" map "$5" "$1" "$6"
    from=$6
  fi
  (cd "$from" && exec mount -t overlay -o "$2" overlay "$3")
  if [ -n "$4" ]; then umount "$6" || umount --lazy "$6"; fi
}`;

/** Mounts a root. Arguments: name, id, and those of the root. */
export const mountScript = `set -e
${mountRoot}
shift
mount_root "$@"
`;

/**
 * Creates a container under conmon and starts it. Prints conmon's report of the creation: \`{"data": pid}\`, or with a message. Arguments: name, id, bundle, crun, crun's
 * root, those of the container's root as six (the second '' when it is mounted already), conmon and its arguments.
 */
export const containerScript = `set -e
${mountRoot}
id=$1 bundle=$2 crun=$3 root=$4
shift 4
if [ -n "$2" ]; then mount_root "$1" "$2" "$3" "$4" "$5" "$6"; fi
shift 6
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
  # Of a container whose hook failed crun now and then leaves a folder that it does not know any more.
  if [ -e "\${root:?}/$id" ]; then rm -rf "$root/$id"; fi
  umount "$containers/$id/rootfs" 2>/dev/null || umount --lazy "$containers/$id/rootfs" 2>/dev/null
  if [ -e "$containers/$id/lower" ]; then
    umount "$containers/$id/lower" 2>/dev/null || umount --lazy "$containers/$id/lower" 2>/dev/null
  fi
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
# One mount holds all the others, and they go with it. A pod of an agent before this one has them one by one.
if ! umount --lazy "$pins" 2>/dev/null; then
  for pin in net ipc uts pid user shm; do umount "$pins/$pin" 2>/dev/null; done
fi
wait
:
`;

/**
 * Tries what a pod with users of its own needs, in a mount namespace that nobody else sees: namespaces that belong to its users, files of both folders with other
 * owners, a root of such layers, and the kernel's file systems inside. Arguments: program, folder of state, folder of what ends with the machine.
 */
export const probeScript = `set -e
mount -t tmpfs probe "$3"
cd "$3"
: >user
: >net
perl "$1" make 65536 65536 net
perl "$1" probe user "$2" "$3"
mkdir image lower upper work root inside
perl "$1" map user image lower
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root
exec nsenter --user=user --net=net unshare --mount --pid --fork sh -c 'mount -c -t proc proc inside && mount -c -t sysfs sysfs inside'
`;
