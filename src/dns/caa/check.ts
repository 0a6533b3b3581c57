import { errorRegistry, IngressError, isIngressError } from '../../errors.ts';
import { isWildcard } from '../names.ts';
import { type CaaRefusal, type CaaRequest, judgeCaa } from './caa.ts';
import { type AskCaa, type CaaAnswer, type CaaSet, findCaaSet } from './set.ts';

/** An account of a CA that certificates are wanted by: the usual one, that of a dry run, that of another CA to fall back on. */
export interface CaaAccount extends Omit<CaaRequest, 'wildcard'> {
  /** How a person calls it: `production`, `staging`. */
  readonly account: string;
}

/** A name for which an account gets no certificate, and why. */
export interface Refusal extends CaaRefusal, Pick<CaaSet, 'owner' | 'at'> {
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
  ask: AskCaa,
  signal: AbortSignal,
): Promise<Refusal[]> {
  const askOnce = onlyOnce(ask);
  const refusals: Refusal[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const set = await findCaaSet(name, askOnce, signal);
      if (set) refusals.push(...refusalsBy(set, name, requests));
    } catch (thrown) {
      if (!isIngressError(thrown, 'DNS_LOOKUP_FAILED')) throw thrown;
      failures.push(thrown);
    }
  }
  if (failures.length > 0 && refusals.length === 0) throw failures[0];
  return refusals;
}

function refusalsBy({ owner, at, values }: CaaSet, name: string, requests: readonly CaaAccount[]): Refusal[] {
  return requests.flatMap((request) => {
    const refusal = judgeCaa(values, { ...request, wildcard: isWildcard(name) });
    return refusal ? [{ name, account: request.account, owner, at, ...refusal }] : [];
  });
}

function onlyOnce(ask: AskCaa): AskCaa {
  const answers = new Map<string, Promise<CaaAnswer>>();
  return (name, signal) => {
    const answer = answers.get(name) ?? ask(name, signal);
    answers.set(name, answer);
    return answer;
  };
}

/** CAA_FORBIDS: says of each refusal which record stands in the way, and of each owner name what to add or to remove there. */
export function caaForbids(refusals: readonly Refusal[]): IngressError {
  const advice = [...new Set(refusals.flatMap(adviceFor))].join(' ');
  return new IngressError('CAA_FORBIDS', refusals.map(sentenceOf).join('; '), {
    ...(advice === '' ? {} : { hint: advice, byItself: errorRegistry.CAA_FORBIDS.byItself }),
    details: { refusals },
  });
}

function sentenceOf({ name, account, owner, faults }: Refusal): string {
  const records = faults.map(({ record, says }) => `CAA ${record} ${says}`).join(', ');
  return `CAA at ${owner} forbids a certificate of ${name} to the ${account} account: ${records}`;
}

function adviceFor({ owner, at, remove, add }: Refusal): string[] {
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
