import type { PluginKind } from '../contract/index.ts';

/**
 * The built-in plug-ins: name to module, from the root of the project. This is the only file of
 * harness/ that names a plug-in; load-plugin.ts imports them when they are used.
 */
const registry: Readonly<Record<PluginKind, Readonly<Record<string, string>>>> = {
  engine: {
    journal: 'engines/journal/index.ts',
    ext4: 'engines/ext4/index.ts',
    xfs: 'engines/xfs/index.ts',
    btrfs: 'engines/btrfs/index.ts',
    f2fs: 'engines/f2fs/index.ts',
    nilfs2: 'engines/nilfs2/index.ts',
  },
  workload: {
    'sequential-write': 'workloads/sequential-write/index.ts',
    'random-write': 'workloads/random-write/index.ts',
    'hot-spot': 'workloads/hot-spot/index.ts',
    'fsync-heavy': 'workloads/fsync-heavy/index.ts',
    'wrap-around': 'workloads/wrap-around/index.ts',
    bank: 'workloads/bank/index.ts',
    'append-log': 'workloads/append-log/index.ts',
    'file-mix': 'workloads/file-mix/index.ts',
    'atomic-replace': 'workloads/atomic-replace/index.ts',
    'append-only-log': 'workloads/append-only-log/index.ts',
    'mail-spool': 'workloads/mail-spool/index.ts',
    'rollback-journal': 'workloads/rollback-journal/index.ts',
    fio: 'harness/fio/workload.ts',
  },
  fault: {
    'power-cut': 'faults/drive/power-cut/index.ts',
    'lying-flush': 'faults/drive/lying-flush/index.ts',
    'lost-write': 'faults/drive/lost-write/index.ts',
    'torn-write': 'faults/drive/torn-write/index.ts',
    'misdirected-write': 'faults/drive/misdirected-write/index.ts',
    'bit-rot': 'faults/drive/bit-rot/index.ts',
    'stale-read': 'faults/drive/stale-read/index.ts',
    'read-error': 'faults/drive/read-error/index.ts',
    'write-error': 'faults/drive/write-error/index.ts',
    'flush-error': 'faults/drive/flush-error/index.ts',
    'short-write': 'faults/drive/short-write/index.ts',
    'no-space': 'faults/drive/no-space/index.ts',
    stall: 'faults/drive/stall/index.ts',
    kill: 'faults/process/kill/index.ts',
    'dm-flakey': 'faults/device-mapper/dm-flakey/index.ts',
    'dm-log-writes': 'faults/device-mapper/dm-log-writes/index.ts',
    'dm-corrupt': 'faults/device-mapper/dm-corrupt/index.ts',
    'vm-kill': 'faults/machine/vm-kill/index.ts',
  },
  verifier: {},
  reporter: {
    terminal: 'reports/terminal/index.ts',
    json: 'reports/json/index.ts',
    csv: 'reports/csv/index.ts',
    html: 'reports/html/index.tsx',
  },
};

/** The engine that `powercut journal` offers the tools of. */
export const journalEngine = 'journal';

export function builtInNames(kind: PluginKind): readonly string[] {
  return Object.keys(registry[kind]);
}

/** The module of a built-in plug-in, or undefined where the name is not built in. */
export function builtInUrl(kind: PluginKind, name: string): URL | undefined {
  const modules = registry[kind];
  if (!Object.hasOwn(modules, name)) return undefined;
  return new URL(`../../${asRun(modules[name]!)}`, import.meta.url);
}

/** The build turns every ending into `.js` and keeps the folders, so this file's own ending tells. */
function asRun(module: string): string {
  return import.meta.url.endsWith('.js') ? module.replace(/\.tsx?$/, '.js') : module;
}
