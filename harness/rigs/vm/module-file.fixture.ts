/** An ELF64 file with nothing but a `.modinfo` section, as far as a reader of modules looks. */
export function moduleFile(values: readonly string[]): Buffer {
  const information = Buffer.from(values.map((value) => `${value}\0`).join(''));
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const headers = 64 + information.byteLength + names.byteLength;
  const file = Buffer.alloc(headers + 3 * 64);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  information.copy(file, 64);
  names.copy(file, 64 + information.byteLength);
  file.writeBigUInt64LE(BigInt(headers), 0x28);
  file.writeUInt16LE(64, 0x3a);
  file.writeUInt16LE(3, 0x3c);
  file.writeUInt16LE(2, 0x3e);
  writeSection(file, headers + 64, 1, 64, information.byteLength);
  writeSection(file, headers + 128, 10, 64 + information.byteLength, names.byteLength);
  return file;
}

function writeSection(
  file: Buffer,
  at: number,
  nameOffset: number,
  offset: number,
  byteCount: number,
): void {
  file.writeUInt32LE(nameOffset, at);
  file.writeBigUInt64LE(BigInt(offset), at + 0x18);
  file.writeBigUInt64LE(BigInt(byteCount), at + 0x20);
}
