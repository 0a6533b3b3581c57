import { type ContenderId, contenderIds, titles } from './contender.ts';
import { perCore, readingsOf, spreadOf } from './figures.ts';
import type { CryptoSpeed, Results } from './results.ts';
import { figure, table } from './tables.ts';

/** The limits set by the crypto library, beside the measurements. Pure. */

/** The operations of a server in a full handshake, by negotiated group, each with its count. */
const OPERATIONS: Readonly<Record<string, readonly (readonly [operation: string, times: number])[]>> = {
  // Generating a key pair costs about as much as an agreement.
  x25519: [
    ['ECDSA P-256 signature', 1],
    ['ECDH X25519', 2],
  ],
  secp384r1: [
    ['ECDSA P-256 signature', 1],
    ['ECDH nistp384', 2],
  ],
  // Includes X25519.
  x25519mlkem768: [
    ['ECDSA P-256 signature', 1],
    ['X25519MLKEM768 encapsulation', 1],
  ],
};

/**
 * Microseconds of public-key operations in a full handshake; undefined for a group without a
 * timing.
 */
function cryptoUs(group: string, speeds: readonly CryptoSpeed[]): number | undefined {
  const operations = OPERATIONS[group.toLowerCase()];
  return operations?.reduce((sum, [operation, times]) => {
    const perSecond = speeds.find((speed) => speed.operation === operation)?.perSecond ?? Number.NaN;
    return sum + (times * 1e6) / perSecond;
  }, 0);
}

export function speedTable({ setting }: Results): string {
  const rows = setting.crypto.map(({ operation, perSecond }) => [
    operation,
    figure(perSecond),
    figure(1e6 / perSecond),
  ]);
  return table(['operation', 'per second and core', 'µs each'], rows);
}

/** Where the time of a new connection goes: cryptography, and everything else. */
export function connectionTable({ readings, setting }: Results): string {
  const works = ['handshakes-full', 'handshakes-full-x25519'];
  const rows = works.flatMap((work) => {
    const all = readingsOf(readings, { work, names: 1 });
    return contenderIds.flatMap((id: ContenderId) => {
      const own = all.get(id);
      const group = own?.[0]?.agreed?.split(',')[0] ?? '';
      if (!own) return [];
      const whole = 1e6 / spreadOf(own.map(perCore)).median;
      const crypto = cryptoUs(group, setting.crypto);
      const parts = crypto === undefined ? ['–', '–'] : [figure(crypto), figure(whole - crypto)];
      const client = work.endsWith('x25519') ? 'without ML-KEM' : 'of today';
      return [[client, titles[id], group, figure(whole), ...parts]];
    });
  });
  return table(['client', '', 'group', 'µs of the core', 'public-key operations', 'everything else'], rows);
}
