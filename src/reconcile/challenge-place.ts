import { type ChallengeValue, publishChallenges } from '../acme/challenges.ts';
import { baseName, challengeName } from '../dns/names.ts';
import type { Zone } from '../dns/provider.ts';
import type { DnsRecord } from '../dns/record.ts';
import { isIngressError } from '../errors.ts';
import { aliasOfChallenge } from './draft.ts';
import type { ChallengePlace, Memory, Parts, ZoneKnowledge } from './parts.ts';
import { type Written, waitForRecords, writeZone, type ZoneLook } from './records.ts';
import { waitUntilEverywhere } from './seen.ts';

/** A place that writes the records of the name in the same call as the challenge. */
export interface SharedPlace extends ChallengePlace {
  /** Whether the records were written with a challenge, or it was tried. */
  readonly tried: boolean;
}

/**
 * The zone as it was looked at. On a first start everything has to be seen before the CA is told; a renewal goes on with
 * its challenge alone when the records fail, and `failed` is told.
 */
export function sharedPlace(
  parts: Parts,
  memory: Memory,
  look: ZoneLook,
  { firstStart, failed }: { readonly firstStart: boolean; readonly failed: (failure: unknown) => void },
  signal: AbortSignal,
): SharedPlace {
  let tried = false;
  return {
    get tried() {
      return tried;
    },
    find: async () => look,
    async publish(values) {
      tried = true;
      const written = await writeZone(parts, memory, look, values, signal).catch(
        async (failure: unknown): Promise<Pick<Written, 'challenge'>> => {
          signal.throwIfAborted();
          // It may be the challenge alone that was refused, or could not be journaled; the records need neither.
          tried = !alone.some((code) => isIngressError(failure, code));
          memory.recordsFirst = firstStart;
          if (firstStart) throw failure;
          failed(failure);
          return { challenge: await writeChallenge(parts, look.zone, values, signal) };
        },
      );
      // A CAA record that is not seen yet would have the CA refuse.
      const records =
        'desired' in written ? waitForRecords(parts, memory, look, written.desired, signal) : undefined;
      await records?.catch((failure: unknown) => {
        signal.throwIfAborted();
        if (firstStart) throw failure;
        failed(failure);
      });
      await waitForChallenge(parts, look.zone, written.challenge, signal);
    },
  };
}

const alone = ['STORE_FAILED', 'PROVIDER_PERMISSION_MISSING', 'PROVIDER_REJECTED'] as const;

/** The zone for a challenge alone; what is known of it, if it was looked at. */
export function barePlace(
  parts: Parts,
  known: ZoneKnowledge | undefined,
  signal: AbortSignal,
): ChallengePlace {
  let found = known && Promise.resolve(known);
  const find = () => {
    found ??= findZone(parts, signal);
    return found;
  };
  return {
    find,
    async publish(values) {
      const { zone } = await find();
      await waitForChallenge(parts, zone, await writeChallenge(parts, zone, values, signal), signal);
    },
  };
}

async function findZone({ provider, goal }: Parts, signal: AbortSignal): Promise<ZoneKnowledge> {
  const zone = await provider.zone(baseName(goal.domain), signal);
  const live = await provider.records(zone, [challengeName(goal.domain)], signal);
  return { zone, challengeAlias: aliasOfChallenge(goal.domain, live) };
}

async function writeChallenge(
  parts: Parts,
  zone: Zone,
  values: readonly ChallengeValue[],
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  const records = await publishChallenges(parts, zone, values, [], signal);
  const names = values.map(({ name }) => name);
  parts.log.info({ event: 'challenge-published', names }, 'challenge published');
  return records;
}

function waitForChallenge(
  parts: Parts,
  zone: Zone,
  records: readonly DnsRecord[],
  signal: AbortSignal,
): Promise<void> {
  return waitUntilEverywhere(parts, zone, 'challenge', () => records.map((record) => ({ record })), signal);
}
