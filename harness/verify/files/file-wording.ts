import type { FileLedgerEntry, FileOp, FilePath } from '../../contract/index.ts';

/** `operation 12 (write of mail/1, bytes 0 to 4095, acknowledged at position 24)`. */
export function describeFileOp(entry: FileLedgerEntry): string {
  return `operation ${entry.id} (${describeAction(entry.op)}, ${describeOutcome(entry)})`;
}

function describeAction(op: FileOp): string {
  switch (op.kind) {
    case 'write':
    case 'punch':
      return `${op.kind} of ${op.path}, ${describeBytes(op.byteOffset, op.byteCount)}`;
    case 'append':
      return `append of ${op.byteCount} bytes to ${op.path}`;
    case 'truncate':
      return `truncate of ${op.path} to ${op.byteCount} bytes`;
    case 'allocate': {
      const size = op.keepSize ? ', keeping its length' : '';
      return `allocate of ${op.path}, ${describeBytes(op.byteOffset, op.byteCount)}${size}`;
    }
    case 'rename':
    case 'link':
      return `${op.kind} of ${op.path} to ${op.to}`;
    case 'symlink':
      return `symlink ${op.path} to ${op.target}`;
    case 'sync':
      return 'sync';
    case 'create':
    case 'unlink':
    case 'mkdir':
    case 'rmdir':
    case 'fsync':
    case 'fdatasync':
    case 'sync-file-range':
      return `${op.kind} of ${describePath(op.path)}`;
  }
}

export function describePath(path: FilePath): string {
  return path === '' ? 'the root directory' : path;
}

export function describeBytes(byteOffset: number, byteCount: number): string {
  return byteCount === 1
    ? `byte ${byteOffset}`
    : `bytes ${byteOffset} to ${byteOffset + byteCount - 1}`;
}

function describeOutcome({ outcome, settledAt }: FileLedgerEntry): string {
  if (outcome === undefined) return 'never settled';
  const how = outcome.status === 'failed' ? `failed with ${outcome.errno}` : outcome.status;
  return `${how} at position ${settledAt}`;
}
