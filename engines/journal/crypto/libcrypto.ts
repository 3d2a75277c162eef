import { createRequire } from 'node:module';
import type koffi from 'koffi';
import type { KoffiFunc } from 'koffi';

type Koffi = typeof koffi;
type Library = ReturnType<Koffi['load']>;

/** An address, as a number: user space ends far below 2^53. 0 is C's null. */
export type Address = number;

/**
 * The part of OpenSSL's EVP interface that seals and opens pages. Buffers go as addresses: with typed
 * arrays a page of 4 KiB took 1.5 µs instead of 1.2. EVP functions answer 1, or 0 when they failed.
 */
export interface Libcrypto {
  /** Address of the first byte of a buffer. It does not move as long as the buffer is not detached. */
  addressOf(buffer: ArrayBufferLike): Address;
  aes256Gcm: KoffiFunc<() => Address>;
  contextNew: KoffiFunc<() => Address>;
  /** Overwrites the key schedule in it before the memory goes back. */
  contextFree: KoffiFunc<(context: Address) => void>;
  contextControl: KoffiFunc<
    (context: Address, command: number, bytes: number, pointer: Address) => number
  >;
  encryptInit: KoffiFunc<Init>;
  encryptUpdate: KoffiFunc<Update>;
  encryptFinal: KoffiFunc<Final>;
  decryptInit: KoffiFunc<Init>;
  decryptUpdate: KoffiFunc<Update>;
  decryptFinal: KoffiFunc<Final>;
  clearErrors: KoffiFunc<() => void>;
}

type Init = (
  context: Address,
  cipher: Address,
  engine: Address,
  key: Address,
  nonce: Address,
) => number;
type Update = (
  context: Address,
  output: Address,
  outputBytes: Address,
  input: Address,
  inputBytes: number,
) => number;
type Final = (context: Address, output: Address, outputBytes: Address) => number;

/**
 * Binds the OpenSSL that Node itself is linked with, or else the system's. Throws where koffi or a
 * function is missing. `packageName` is koffi's. Everything here is synchronous: an
 * engine that waited for a file or a module could not be run on simulated time.
 */
export function bindLibcrypto(packageName: string): Libcrypto {
  const loaded = createRequire(import.meta.url)(packageName) as Koffi;
  const library = openLibrary(loaded);
  const pointer = 'uintptr_t';
  const initTypes = [pointer, pointer, pointer, pointer, pointer];
  const updateTypes = [pointer, pointer, pointer, pointer, 'int'];
  const finalTypes = [pointer, pointer, pointer];
  return {
    addressOf: (buffer) => Number(loaded.address(new Uint8Array(buffer))),
    aes256Gcm: library.func('EVP_aes_256_gcm', pointer, []) as Libcrypto['aes256Gcm'],
    contextNew: library.func('EVP_CIPHER_CTX_new', pointer, []) as Libcrypto['contextNew'],
    contextFree: library.func('EVP_CIPHER_CTX_free', 'void', [pointer]) as Libcrypto['contextFree'],
    contextControl: library.func('EVP_CIPHER_CTX_ctrl', 'int', [
      pointer,
      'int',
      'int',
      pointer,
    ]) as Libcrypto['contextControl'],
    encryptInit: library.func('EVP_EncryptInit_ex', 'int', initTypes) as KoffiFunc<Init>,
    encryptUpdate: library.func('EVP_EncryptUpdate', 'int', updateTypes) as KoffiFunc<Update>,
    encryptFinal: library.func('EVP_EncryptFinal_ex', 'int', finalTypes) as KoffiFunc<Final>,
    decryptInit: library.func('EVP_DecryptInit_ex', 'int', initTypes) as KoffiFunc<Init>,
    decryptUpdate: library.func('EVP_DecryptUpdate', 'int', updateTypes) as KoffiFunc<Update>,
    decryptFinal: library.func('EVP_DecryptFinal_ex', 'int', finalTypes) as KoffiFunc<Final>,
    clearErrors: library.func('ERR_clear_error', 'void', []) as Libcrypto['clearErrors'],
  };
}

/** Node exports the OpenSSL that it was built with; a build with a shared one has it loaded too. */
function openLibrary(loaded: Koffi): Library {
  const own = loaded.load(null);
  try {
    own.func('EVP_aes_256_gcm', 'uintptr_t', []);
    return own;
  } catch {
    return loaded.load('libcrypto.so.3');
  }
}
