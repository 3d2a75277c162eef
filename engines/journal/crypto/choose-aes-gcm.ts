import { tagBytes, type CreateAesGcm, type MessageLayout } from './aes-gcm.ts';
import { bindLibcrypto } from './libcrypto.ts';
import { createNativeAesGcm } from './native-aes-gcm.ts';
import { createNodeAesGcm } from './node-aes-gcm.ts';

export type AesGcmName = 'native' | 'node';

export interface AesGcmChoice {
  readonly name: AesGcmName;
  /** Why it is not the native one. */
  readonly reason?: string;
  readonly create: CreateAesGcm;
}

let chosen: AesGcmChoice | undefined;

/** The faster of the two that works here; found out once per thread, and the bytes are the same. */
export function chooseAesGcm(): AesGcmChoice {
  return (chosen ??= nativeOrNode('koffi'));
}

/** `packageName` is that of the foreign-function layer. */
export function nativeOrNode(packageName: string): AesGcmChoice {
  try {
    const libcrypto = bindLibcrypto(packageName);
    const create: CreateAesGcm = (key, layout) => createNativeAesGcm(libcrypto, key, layout);
    requireAgreement(create);
    return { name: 'native', create };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { name: 'node', reason: message.split('\n')[0] ?? '', create: createNodeAesGcm };
  }
}

/**
 * Another build of OpenSSL, or something that only calls itself so, is found out before it has touched
 * a page: it must seal as node:crypto does, open what that sealed, and refuse one changed bit.
 */
export function requireAgreement(create: CreateAesGcm): void {
  const layout: MessageLayout = { aadBytes: 20, textAt: 24, textBytes: 300, tagAt: 324 };
  const key = Uint8Array.from({ length: 32 }, (_, index) => 7 * index);
  using expected = createNodeAesGcm(key, layout);
  using actual = create(key, layout);
  const plain = Uint8Array.from({ length: layout.tagAt + tagBytes }, (_, index) => index);
  const [sealed, other] = [plain.slice(), plain.slice()];
  for (const [cipher, bytes] of [
    [expected, sealed],
    [actual, other],
  ] as const) {
    cipher.nonce.fill(5);
    cipher.seal(bytes, 0);
  }
  const isSame = Buffer.compare(sealed, other) === 0;
  other[layout.textAt]! ^= 1;
  if (isSame && !actual.open(other, 0) && actual.open(sealed, 0)) {
    const { textAt, tagAt } = layout;
    if (Buffer.compare(sealed.subarray(textAt, tagAt), plain.subarray(textAt, tagAt)) === 0) return;
  }
  throw new Error('the native AES-256-GCM does not answer as node:crypto does');
}
