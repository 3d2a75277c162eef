import { open } from 'node:fs/promises';

const pieceBytes = 1024 * 1024;

/**
 * Makes a file full of zeros that are really written, so that later writes neither allocate space nor
 * meet a full file system. Throws where the file exists already.
 */
export async function createBackingFile(path: string, byteCount: number): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  const zeros = new Uint8Array(Math.min(pieceBytes, byteCount));
  for (let done = 0; done < byteCount; done += zeros.byteLength) {
    await file.writev([zeros.subarray(0, Math.min(zeros.byteLength, byteCount - done))], done);
  }
  await file.sync();
}
