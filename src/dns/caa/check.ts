import { errorRegistry, IngressError, isIngressError } from '../../errors.ts';
import { isWildcard } from '../name.ts';
import { type CaaRefusal, type CaaRequest, judgeCaa } from './judge.ts';
import { type CaaAnswer, type CaaLookup, type CaaSet, findRelevantSet } from './relevant-set.ts';

/** An account of the primary, staging or fallback CA that a certificate is requested with. */
export interface CaaAccount extends Omit<CaaRequest, 'wildcard'> {
  /** The account's name in messages: `production`, `staging`. */
  readonly account: string;
}

/** A name for which CAA forbids an account a certificate, and why. */
export interface NameRefusal extends CaaRefusal, Pick<CaaSet, 'owner' | 'at'> {
  /** The name in the certificate, with `*.` for a wildcard. */
  readonly name: string;
  /** See `CaaAccount`. */
  readonly account: string;
}

/**
 * Checks every name of a certificate for every account, looking up each owner name once. Empty if
 * CAA permits everything. Throws DNS_LOOKUP_FAILED if a lookup fails, unless another name is
 * refused: then the certificate is refused whatever the lookup would have found.
 */
export async function checkCaa(
  names: readonly string[],
  requests: readonly CaaAccount[],
  lookUp: CaaLookup,
  signal: AbortSignal,
): Promise<NameRefusal[]> {
  const lookUpOnce = memoize(lookUp);
  const refusals: NameRefusal[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const set = await findRelevantSet(name, lookUpOnce, signal);
      if (set) refusals.push(...refusalsIn(set, name, requests));
    } catch (thrown) {
      if (!isIngressError(thrown, 'DNS_LOOKUP_FAILED')) throw thrown;
      failures.push(thrown);
    }
  }
  if (failures.length > 0 && refusals.length === 0) throw failures[0];
  return refusals;
}

function refusalsIn(
  { owner, at, values }: CaaSet,
  name: string,
  requests: readonly CaaAccount[],
): NameRefusal[] {
  return requests.flatMap((request) => {
    const refusal = judgeCaa(values, { ...request, wildcard: isWildcard(name) });
    return refusal ? [{ name, account: request.account, owner, at, ...refusal }] : [];
  });
}

function memoize(lookUp: CaaLookup): CaaLookup {
  const answers = new Map<string, Promise<CaaAnswer>>();
  return (name, signal) => {
    const answer = answers.get(name) ?? lookUp(name, signal);
    answers.set(name, answer);
    return answer;
  };
}

/**
 * CAA_FORBIDS, with the records that forbid each name, and what to add to or remove from each owner
 * name.
 */
export function caaForbidsError(refusals: readonly NameRefusal[]): IngressError {
  const advice = [...new Set(refusals.flatMap(adviceFor))].join(' ');
  return new IngressError('CAA_FORBIDS', refusals.map(sentenceOf).join('; '), {
    ...(advice === '' ? {} : { hint: advice, byItself: errorRegistry.CAA_FORBIDS.byItself }),
    details: { refusals },
  });
}

function sentenceOf({ name, account, owner, faults }: NameRefusal): string {
  const records = faults.map(({ record, says }) => `CAA ${record} ${says}`).join(', ');
  return `CAA at ${owner} forbids a certificate for ${name} with the ${account} account: ${records}`;
}

function adviceFor({ owner, at, remove, add }: NameRefusal): string[] {
  const where =
    at === owner
      ? ''
      : ` (${at} is an alias of ${owner}; a CAA record at ${at} itself would take precedence)`;
  const record = (value: string) => `${owner} CAA ${value}${where}`;
  return [
    ...remove.map((value) => `Remove the record ${record(value)}.`),
    ...(add === undefined ? [] : [`Add the record ${record(add)}.`]),
  ];
}
