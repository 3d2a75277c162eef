const units = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Exact where it is a whole number of a unit, else to a tenth: `64 MiB`, `1.5 GiB`, `512 bytes`. */
export function formatBytes(byteCount: number): string {
  let unit: string | undefined;
  let value = byteCount;
  for (const next of units) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  if (unit === undefined) return `${byteCount} bytes`;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${unit}`;
}

export function formatPercent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

export function formatMicroseconds(ns: number): string {
  return `${(ns / 1000).toFixed(1)} µs`;
}

export function formatHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** As everyone writes it: 8-4-4-4-12. */
export function formatUuid(uuid: Uint8Array): string {
  return formatHex(uuid).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
