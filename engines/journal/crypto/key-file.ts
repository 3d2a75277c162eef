import * as fs from 'node:fs';
import { EngineRefusal } from '../../../harness/contract/index.ts';
import { keyBytes } from './aes-gcm.ts';
import { parseKeys, requireRandom } from './key-text.ts';

/** Some thousand keys; more is another file. */
const fileBytesMax = 2 ** 16;

const groupAndOthers = 0o077;

/**
 * The keys in a file, newest first: 32 raw bytes, or one key per line. Refuses a file that anyone but
 * its owner has a right to. Synchronous, for the twin (KeyProvider).
 */
export function readKeyFile(file: string): Uint8Array[] {
  const bytes = readPrivately(file);
  try {
    return bytes.length === keyBytes ? [rawKey(bytes, file)] : parsed(bytes, file);
  } finally {
    bytes.fill(0);
  }
}

function parsed(bytes: Buffer, file: string): Uint8Array[] {
  if (!bytes.every((byte) => isPrintable(byte) || isLineEnd(byte))) {
    throw new EngineRefusal(
      'incompatible',
      `the key file ${file} has ${bytes.length} bytes that are no text: expected exactly ${keyBytes} raw bytes, or 64 hexadecimal digits per line`,
    );
  }
  return parseKeys(bytes.toString('latin1'), `the key file ${file}`);
}

const isPrintable = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;
const isLineEnd = (byte: number): boolean => byte === 0x0a || byte === 0x0d;

/** 32 printable characters are a passphrase or half a key in hexadecimal, and not 256 bits. */
function rawKey(bytes: Buffer, file: string): Uint8Array {
  if (bytes.every(isPrintable)) {
    throw new EngineRefusal(
      'incompatible',
      `the key file ${file} has 32 characters of text: expected 32 random bytes, or 64 hexadecimal digits as openssl rand -hex 32 prints`,
    );
  }
  return requireRandom(new Uint8Array(bytes), `the key in ${file}`);
}

/** The rights are those of the file that is read, not of what the name meant a moment before. */
function readPrivately(file: string): Buffer {
  const fd = openKeyFile(file);
  try {
    requirePrivate(fs.fstatSync(fd), file);
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Not to wait for the other end, should it be a pipe. */
const openFlags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;

function openKeyFile(file: string): number {
  try {
    return fs.openSync(file, openFlags);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given';
    throw new EngineRefusal(
      'incompatible',
      `cannot open the key file ${file} (${code}): expected a file that this process may read; to make one with a new key: (umask 077; openssl rand -hex 32 > ${file})`,
      { cause: error },
    );
  }
}

function requirePrivate(stats: fs.Stats, file: string): void {
  if (!stats.isFile() || stats.size > fileBytesMax) {
    throw new EngineRefusal(
      'incompatible',
      `the key file ${file} is ${stats.isFile() ? `${stats.size} bytes long` : 'no regular file'}: expected a file of at most ${fileBytesMax} bytes`,
    );
  }
  const mode = stats.mode & 0o777;
  if ((mode & groupAndOthers) === 0 || process.platform === 'win32') return;
  throw new EngineRefusal(
    'incompatible',
    `the key file ${file} has mode ${mode.toString(8).padStart(4, '0')}, and others than its owner have rights to it: expected 0600; run chmod 600 ${file} and consider the key known to others`,
  );
}
