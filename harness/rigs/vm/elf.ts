/** As much of ELF64 as is needed to look into kernel modules and programs (elf(5)). */

const programHeaderBytes = 56;
const sectionHeaderBytes = 64;
/** Program header type of a program that needs a dynamic loader. */
const interpreterType = 3;

/** Whether the program runs without any shared library, and so in an initramfs. False for what is no ELF file. */
export function isStaticProgram(file: Buffer): boolean {
  if (!isElf64(file)) return false;
  const start = Number(file.readBigUInt64LE(0x20));
  const count = file.readUInt16LE(0x38);
  for (let index = 0; index < count; index++) {
    if (file.readUInt32LE(start + index * programHeaderBytes) === interpreterType) return false;
  }
  return true;
}

/** The contents of a section; undefined where there is no such section, or no ELF file. */
export function findSection(file: Buffer, name: string): Buffer | undefined {
  if (!isElf64(file)) return undefined;
  const start = Number(file.readBigUInt64LE(0x28));
  const count = file.readUInt16LE(0x3c);
  const names = sectionAt(file, start, file.readUInt16LE(0x3e));
  for (let index = 0; index < count; index++) {
    const nameOffset = file.readUInt32LE(start + index * sectionHeaderBytes);
    const end = names.indexOf(0, nameOffset);
    if (names.toString('latin1', nameOffset, end) === name) return sectionAt(file, start, index);
  }
  return undefined;
}

function sectionAt(file: Buffer, headers: number, index: number): Buffer {
  const header = headers + index * sectionHeaderBytes;
  const offset = Number(file.readBigUInt64LE(header + 0x18));
  return file.subarray(offset, offset + Number(file.readBigUInt64LE(header + 0x20)));
}

function isElf64(file: Buffer): boolean {
  const is64Bit = 2;
  return file.byteLength > 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === is64Bit;
}
