const polynomial = 0x82f63b78;

/** `tables[k * 256 + byte]`: the CRC of the byte followed by `k` zero bytes. */
const tables = buildTables();

/**
 * CRC-32C in plain JavaScript, eight bytes a step (Kounavis and Berry, "Novel table lookup-based
 * algorithms for high-performance CRC generation", 2008), for machines where the native one does not
 * load.
 */
export function crc32cPortable(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let offset = 0;
  for (const end = bytes.length - 7; offset < end; offset += 8) crc = stepEight(crc, bytes, offset);
  for (; offset < bytes.length; offset++) {
    crc = tables[(crc ^ bytes[offset]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function stepEight(crc: number, bytes: Uint8Array, offset: number): number {
  return (
    tables[0x700 + ((crc ^ bytes[offset]!) & 0xff)]! ^
    tables[0x600 + (((crc >>> 8) ^ bytes[offset + 1]!) & 0xff)]! ^
    tables[0x500 + (((crc >>> 16) ^ bytes[offset + 2]!) & 0xff)]! ^
    tables[0x400 + ((crc >>> 24) ^ bytes[offset + 3]!)]! ^
    tables[0x300 + bytes[offset + 4]!]! ^
    tables[0x200 + bytes[offset + 5]!]! ^
    tables[0x100 + bytes[offset + 6]!]! ^
    tables[bytes[offset + 7]!]!
  );
}

function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    built[byte] = crc;
  }
  for (let index = 256; index < built.length; index++) {
    const shorter = built[index - 256]!;
    built[index] = built[shorter & 0xff]! ^ (shorter >>> 8);
  }
  return built;
}
