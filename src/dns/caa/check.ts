import { errorRegistry, IngressError, isIngressError } from '../../errors.ts';
import { isWildcard } from '../name.ts';
import { type CaaRefusal, type CaaRequest, judgeCaa } from './judge.ts';
import { type CaaAnswer, type CaaLookup, type CaaSet, findRelevantSet } from './relevant-set.ts';

/** An account of a CA that certificates are wanted by: the usual one, that of a dry run, that of another CA to fall back on. */
export interface CaaAccount extends Omit<CaaRequest, 'wildcard'> {
  /** How a person calls it: `production`, `staging`. */
  readonly account: string;
}

/** A name for which an account gets no certificate, and why. */
export interface NameRefusal extends CaaRefusal, Pick<CaaSet, 'owner' | 'at'> {
  /** As the certificate names it. */
  readonly name: string;
  /** As the request calls it. */
  readonly account: string;
}

/**
 * Finds out what CAA will refuse: every name of a certificate for every account, each owner name looked up once. Empty
 * when everything is permitted. The CA is not asked. Throws DNS_LOOKUP_FAILED when a look-up failed, unless another
 * name is refused: then the certificate is, whatever the look-up would have shown.
 */
export async function checkCaa(
  names: readonly string[],
  requests: readonly CaaAccount[],
  ask: CaaLookup,
  signal: AbortSignal,
): Promise<NameRefusal[]> {
  const askOnce = onlyOnce(ask);
  const refusals: NameRefusal[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const set = await findRelevantSet(name, askOnce, signal);
      if (set) refusals.push(...refusalsBy(set, name, requests));
    } catch (thrown) {
      if (!isIngressError(thrown, 'DNS_LOOKUP_FAILED')) throw thrown;
      failures.push(thrown);
    }
  }
  if (failures.length > 0 && refusals.length === 0) throw failures[0];
  return refusals;
}

function refusalsBy(
  { owner, at, values }: CaaSet,
  name: string,
  requests: readonly CaaAccount[],
): NameRefusal[] {
  return requests.flatMap((request) => {
    const refusal = judgeCaa(values, { ...request, wildcard: isWildcard(name) });
    return refusal ? [{ name, account: request.account, owner, at, ...refusal }] : [];
  });
}

function onlyOnce(ask: CaaLookup): CaaLookup {
  const answers = new Map<string, Promise<CaaAnswer>>();
  return (name, signal) => {
    const answer = answers.get(name) ?? ask(name, signal);
    answers.set(name, answer);
    return answer;
  };
}

/** CAA_FORBIDS: says of each refusal which record stands in the way, and of each owner name what to add or to remove there. */
export function caaForbidsError(refusals: readonly NameRefusal[]): IngressError {
  const advice = [...new Set(refusals.flatMap(adviceFor))].join(' ');
  return new IngressError('CAA_FORBIDS', refusals.map(sentenceOf).join('; '), {
    ...(advice === '' ? {} : { hint: advice, byItself: errorRegistry.CAA_FORBIDS.byItself }),
    details: { refusals },
  });
}

function sentenceOf({ name, account, owner, faults }: NameRefusal): string {
  const records = faults.map(({ record, says }) => `CAA ${record} ${says}`).join(', ');
  return `CAA at ${owner} forbids a certificate of ${name} to the ${account} account: ${records}`;
}

function adviceFor({ owner, at, remove, add }: NameRefusal): string[] {
  const where =
    at === owner
      ? ''
      : ` (${at} is an alias that leads there; a record at ${at} itself would count before it)`;
  const record = (value: string) => `${owner} CAA ${value}${where}`;
  return [
    ...remove.map((value) => `Remove the record ${record(value)}.`),
    ...(add === undefined ? [] : [`Add the record ${record(add)}.`]),
  ];
}
