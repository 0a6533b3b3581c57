import type { CryptoSpeed } from './results.ts';

const ECDSA = /\(nistp256\)\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)/;
const ECDH = /ecdh \((\w+)\)\s+\S+s\s+([\d.]+)/g;
const KEM = /^\s*(X25519MLKEM768)\s+\S+s\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)/m;
const CIPHER = /^(AES-128-GCM)\s+([\d.]+)k$/im;
const RECORD_BYTES = 16_384;

/** Parses the output of `openssl speed` into operations per second. Pure. */
export function parseSpeed(text: string): CryptoSpeed[] {
  const speeds: CryptoSpeed[] = [];
  const add = (operation: string, value: string | undefined, factor = 1) => {
    if (value !== undefined) speeds.push({ operation, perSecond: Number(value) * factor });
  };
  const [, sign, verify] = ECDSA.exec(text) ?? [];
  add('ECDSA P-256 signature', sign);
  add('ECDSA P-256 verification', verify);
  for (const [, curve, value] of text.matchAll(ECDH)) add(`ECDH ${curve}`, value);
  const [, , keygens, encapsulations] = KEM.exec(text) ?? [];
  add('X25519MLKEM768 key', keygens);
  add('X25519MLKEM768 encapsulation', encapsulations);
  add('AES-128-GCM record of 16 kB', CIPHER.exec(text)?.[2], 1_000 / RECORD_BYTES);
  return speeds;
}
