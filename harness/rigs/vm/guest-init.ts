import type { KernelModule } from './kernel-modules.ts';

/** Where the guest keeps what is its own: in memory, beside the root that it shares with the host. */
const ownFolder = '/run/powercut';

/** What differs from boot to boot. Paths are those of the host, since the guest's root is the host's. */
export interface BootSettings {
  /** Program and arguments of the steward, which comes with the boot as `stewardFile`. */
  readonly steward: readonly string[];
  /** Loaded before the steward starts, beside those that every guest has. */
  readonly modules?: readonly string[];
  /** Folder with modules.dep and the modules themselves. */
  readonly modulesFolder: string;
  /** Mounted writable at the same path as on the host. */
  readonly sharedFolder: string | undefined;
  /** Only says that it has come up, and powers off: what a probe needs. */
  readonly isProbe: boolean;
}

/** Path of the steward's program in the guest. */
export const stewardFile = `${ownFolder}/steward.mjs`;
/** Tags of the shared folders. */
export const rootTag = 'powercut-root';
export const sharedTag = 'powercut-shared';
/** What a probe looks for on the console. */
export const probeSign = 'powercut: the guest has come up';

/** Values for the script, quoted for the shell. */
export function bootSettingsScript(settings: BootSettings): string {
  const { steward, modules = [], modulesFolder, sharedFolder, isProbe } = settings;
  const load = modules.map((name) => `${ownFolder}/modprobe ${quote(name)}; `).join('');
  return [
    `modules_folder=${quote(modulesFolder)}`,
    `shared_folder=${quote(sharedFolder ?? '')}`,
    `is_probe=${isProbe ? 'yes' : ''}`,
    `start_steward() { ${load}${steward.map(quote).join(' ') || ':'}; }`,
    '',
  ].join('\n');
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Loads the modules in order; one that is not for this processor is left out. */
export function moduleScript(modules: readonly KernelModule[]): string {
  return modules.map(({ name }) => `insmod /modules/${name}.ko || true\n`).join('');
}

/**
 * The first program of the guest. It makes the host's root, read-only, the lower layer of an overlay
 * whose upper layer is in memory, and goes there. Whatever fails powers the guest off with the reason
 * on the console, so that the host never waits for nothing.
 */
export const initScript = `#!/bin/sh
export PATH=/bin
. /settings.sh

fail() {
  echo "powercut: the guest cannot start: $1"
  poweroff -f
}

mkdir -p /proc /sys /dev /lower /upper /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
if [ -n "$is_probe" ]; then
  echo '${probeSign}'
  poweroff -f
fi
. /modules/load.sh
mount -t virtiofs -o ro ${rootTag} /lower || fail 'the root of the host cannot be mounted'
mount -t tmpfs -o mode=755 upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root ||
  fail 'there is no overlay over the root of the host'
for folder in proc sys dev run tmp; do [ -d /root/$folder ] || mkdir /root/$folder; done
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
mount -t tmpfs -o mode=755 run /root/run
mkdir -p /root${ownFolder} /root/run/tmp /root/run/lock /root/dev/shm /root/dev/pts
chmod 1777 /root/run/tmp
cp /bin/busybox /settings.sh /start.sh /steward.mjs /root${ownFolder}/
ln -s busybox /root${ownFolder}/modprobe
release=$(uname -r)
mkdir -p "/root/lib/modules/$release"
mount -o bind "/root$modules_folder" "/root/lib/modules/$release" ||
  fail "there is no $modules_folder"
exec switch_root /root ${ownFolder}/busybox sh ${ownFolder}/start.sh
`;

/** The same process in its new root. It stays the parent of all, and ends when the steward does. */
export const startScript = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${ownFolder}
export HOME=/run TMPDIR=/run/tmp LC_ALL=C.UTF-8 DM_DISABLE_UDEV=1
busybox=${ownFolder}/busybox
. ${ownFolder}/settings.sh
cd /
# The kernel asks for modules by this program; a root of a container has none.
echo ${ownFolder}/modprobe >/proc/sys/kernel/modprobe
$busybox mount -t devpts devpts /dev/pts
$busybox mount -t tmpfs -o mode=1777 shm /dev/shm
# Nothing here reports a hung task or an idle disk to anybody: keep the console for what matters.
echo 0 >/proc/sys/vm/oom_dump_tasks
# Where memory is short somebody is killed soon. Otherwise all crawl for minutes first, as the programs that run are read
# again and again (Documentation/admin-guide/mm/multigen_lru.rst, "Thrashing prevention").
if [ -d /sys/kernel/mm/lru_gen ]; then
  echo y >/sys/kernel/mm/lru_gen/enabled
  echo 1000 >/sys/kernel/mm/lru_gen/min_ttl_ms
fi
if [ -n "$shared_folder" ]; then
  $busybox mkdir -p "$shared_folder"
  $busybox mount -t virtiofs ${sharedTag} "$shared_folder" ||
    echo "powercut: $shared_folder of the host cannot be mounted"
fi
# For what looks whether a device is there before it asks for it.
${ownFolder}/modprobe -a loop dm-mod &
start_steward </dev/null >/dev/console 2>&1
echo "powercut: the steward ended with $?"
$busybox poweroff -f
`;
