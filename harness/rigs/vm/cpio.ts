/**
 * Archives in the "newc" format of cpio, as the kernel unpacks an initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst): ASCII headers of 110 bytes, names and
 * contents each padded to four bytes. Archives may follow each other; later files replace earlier ones.
 */

export type ArchiveEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      readonly isExecutable?: boolean;
    };

const fileType = { folder: 0o040_000, file: 0o100_000, link: 0o120_000 } as const;
const trailerName = 'TRAILER!!!';

/** Paths are relative to the root. Everything belongs to root and is of 1970, so equal input gives equal bytes. */
export function encodeArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    const content = contentOf(entry);
    parts.push(encodeHeader(entry.path, index + 1, modeOf(entry), content.byteLength));
    parts.push(content, paddingAfter(content.byteLength));
  });
  parts.push(encodeHeader(trailerName, 0, 0, 0));
  return Buffer.concat(parts);
}

/** A folder for each directory that the paths need, in order, and then the entries themselves. */
export function withFolders(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const known = new Set(entries.filter(({ kind }) => kind === 'folder').map(({ path }) => path));
  const folders: ArchiveEntry[] = [];
  for (const { path } of entries) {
    const names = path.split('/').slice(0, -1);
    names.forEach((_name, depth) => {
      const folder = names.slice(0, depth + 1).join('/');
      if (known.has(folder)) return;
      known.add(folder);
      folders.push({ kind: 'folder', path: folder });
    });
  }
  return [...folders, ...entries];
}

function contentOf(entry: ArchiveEntry): Uint8Array {
  switch (entry.kind) {
    case 'folder':
      return new Uint8Array(0);
    case 'link':
      return Buffer.from(entry.target);
    case 'file':
      return entry.content;
  }
}

function modeOf(entry: ArchiveEntry): number {
  const permissions = entry.kind === 'file' && entry.isExecutable !== true ? 0o644 : 0o755;
  return fileType[entry.kind] | permissions;
}

/** The header, the name with its final zero, and the padding of the two. */
function encodeHeader(name: string, inode: number, mode: number, byteCount: number): Uint8Array {
  const nameBytes = Buffer.from(`${name}\0`);
  const linkCount = 1;
  const fields = [inode, mode, 0, 0, linkCount, 0, byteCount, 0, 0, 0, 0, nameBytes.byteLength, 0];
  const header = Buffer.from(`070701${fields.map(hex).join('')}`);
  const written = header.byteLength + nameBytes.byteLength;
  return Buffer.concat([header, nameBytes, paddingAfter(written)]);
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function paddingAfter(byteCount: number): Uint8Array {
  return new Uint8Array((4 - (byteCount % 4)) % 4);
}
