import { randomInt } from 'node:crypto';
import type { Clock } from '../../src/clock.ts';
import { canonicalName } from '../../src/dns/name.ts';
import { exchangeTcp, IncompleteMessage } from '../../src/dns/tcp.ts';
import { isIngressError } from '../../src/errors.ts';
import type { Budget } from '../shared/budget.ts';
import { timeoutError } from '../shared/errors.ts';
import type { Update } from './changes.ts';
import {
  badAnswer,
  badSignature,
  bareRefusal,
  type Operation,
  rcodeName,
  readPermission,
  refused,
  unreachable,
  writePermission,
  ZONE_PERMISSION,
} from './errors.ts';
import { typeName } from './records.ts';
import { createVerifier, type Key, sign, type Verdict } from './tsig.ts';
import type { Server } from './variables.ts';
import {
  type Decoded,
  decodeMessage,
  encodeMessage,
  type Message,
  OPCODES,
  TYPES,
  type WireRecord,
} from './wire.ts';

/** What the calls of one account need. */
export interface ClientOptions {
  readonly server: Server;
  readonly key: Key;
  /** Milliseconds that one call may take, including all messages of its response. */
  readonly timeoutMs: number;
  readonly budget: Budget;
  readonly clock: Clock;
}

/**
 * The messages that this program sends, each signed. Each call rejects with an IngressError, or
 * with the signal's reason.
 */
export interface Rfc2136Client {
  /** Queries the SOA record of a name. REFUSED, NOTAUTH and NXDOMAIN are returned, not thrown. */
  soa(name: string, signal: AbortSignal): Promise<Decoded>;
  /** Transfers the whole zone (AXFR, RFC 5936) and returns the records that `keep` selects. */
  transfer(zone: string, keep: (record: WireRecord) => boolean, signal: AbortSignal): Promise<WireRecord[]>;
  /**
   * Makes all changes or none (RFC 2136 §3.4). Uses TCP, like every call: after a lost datagram it
   * would be unknown whether the update was made.
   */
  update(zone: string, update: Update, signal: AbortSignal): Promise<void>;
}

type Task = Omit<Message, 'id'>;
/** Receives the messages of a response; returns true for the last. */
type Take = (decoded: Decoded) => boolean;

/** Milliseconds for which an accepted key, and with it the clocks, are known to be good. */
const MOMENT_MS = 60_000;
const NOT_HERE = ['NXDOMAIN', 'REFUSED', 'NOTAUTH'];

/** Makes signed calls over TCP, within the budget of the account. */
export function createClient({ server, key, timeoutMs, budget, clock }: ClientOptions): Rfc2136Client {
  /** When the server last signed a response with our key. */
  let takenAt: number | undefined;
  // If the clock was set meanwhile, that time may be in the future, which counts as long ago.
  const wasJustTaken = () => {
    const ago = clock.now().getTime() - (takenAt ?? Number.NEGATIVE_INFINITY);
    return ago >= 0 && ago <= MOMENT_MS;
  };
  const call = async (
    operation: Operation,
    task: Task,
    signal: AbortSignal,
    take: Take,
    fine: readonly string[] = [],
  ) => {
    await budget.spend(signal);
    const id = randomInt(0x10000);
    const { bytes, mac } = sign(encodeMessage({ ...task, id }), key, clock.now());
    const verify = createVerifier(key, mac);
    const deadline = AbortSignal.timeout(timeoutMs);
    let isFirst = true;
    const takeChecked = (answer: Buffer): boolean => {
      const decoded = decode(answer, operation);
      if (decoded.id !== id || !decoded.isResponse || decoded.opcode !== task.opcode)
        throw badAnswer('other-message', operation);
      const verdict = verify(answer, decoded, clock.now());
      const isKnown = takenAt !== undefined;
      const circumstances = { operation, now: clock.now(), isFirst, isKnown, isTaken: wasJustTaken(), fine };
      const refusal = refusalOf(verdict, decoded, circumstances);
      if (refusal) throw refusal;
      if (verdict.kind === 'good') takenAt = clock.now().getTime();
      isFirst = false;
      const isLast = take(decoded);
      if (isLast && verdict.kind !== 'good' && decoded.rcode === 0)
        throw badSignature(verdict, operation, clock.now(), isKnown);
      return isLast;
    };
    try {
      await exchangeTcp(server, bytes, AbortSignal.any([signal, deadline]), takeChecked);
    } catch (thrown) {
      signal.throwIfAborted();
      if (isIngressError(thrown)) throw thrown;
      if (deadline.aborted) throw unreachable(timeoutError(timeoutMs), operation);
      if (thrown instanceof IncompleteMessage) throw badAnswer('incomplete', operation, thrown);
      throw unreachable(thrown, operation);
    }
  };

  return {
    async soa(name, signal) {
      const operation: Operation =
        name === ''
          ? { doing: 'answer a signed question', server, key }
          : { doing: `show the SOA record of ${name}`, server, key, permission: ZONE_PERMISSION };
      let answer: Decoded | undefined;
      const take = (decoded: Decoded) => {
        answer = decoded;
        return true;
      };
      await call(
        operation,
        { opcode: OPCODES.QUERY, question: { name, type: TYPES.SOA } },
        signal,
        take,
        NOT_HERE,
      );
      if (!answer) throw badAnswer('empty', operation);
      return answer;
    },
    async transfer(zone, keep, signal) {
      const operation = {
        doing: `transfer the zone ${zone}`,
        server,
        key,
        permission: readPermission(key, zone),
      };
      const { take, kept } = createTransfer(zone, keep, operation);
      await call(
        operation,
        { opcode: OPCODES.QUERY, question: { name: zone, type: TYPES.AXFR } },
        signal,
        take,
      );
      return kept;
    },
    async update(zone, { prerequisites, changes }, signal) {
      const permission = writePermission(key, zone, changes);
      const records = recordsOf(changes);
      const operation = { doing: `update ${records.join(', ')}`, server, key, records, permission };
      const task = {
        opcode: OPCODES.UPDATE,
        question: { name: zone, type: TYPES.SOA },
        answers: prerequisites,
        authorities: changes,
      };
      await call(operation, task, signal, () => true);
    },
  };
}

function decode(answer: Buffer, operation: Operation): Decoded {
  try {
    return decodeMessage(answer);
  } catch (thrown) {
    throw badAnswer('not-dns', operation, thrown);
  }
}

interface Circumstances {
  readonly operation: Operation;
  readonly now: Date;
  readonly isFirst: boolean;
  /** Whether the server has ever signed a response with our key. */
  readonly isKnown: boolean;
  /** Whether it did so a moment ago. */
  readonly isTaken: boolean;
  /** Response codes that are results, not errors. */
  readonly fine: readonly string[];
}

/**
 * The error in a response. An unsigned error response is believed, because an attacker who can
 * forge it could as well cut the connection; any other response has to be signed. Knot does not
 * sign REFUSED to a query about a zone that it does not have.
 */
function refusalOf(verdict: Verdict, { rcode }: Decoded, circumstances: Circumstances) {
  const { operation, now, isFirst, isKnown, isTaken, fine } = circumstances;
  const name = rcodeName(rcode);
  if (verdict.kind === 'good')
    return rcode === 0 || fine.includes(name) ? undefined : refused(name, operation);
  if (verdict.kind !== 'unsigned') return badSignature(verdict, operation, now, isKnown);
  if (name === 'REFUSED' && fine.includes(name)) return undefined;
  if (name === 'NOTAUTH' || name === 'REFUSED') return bareRefusal(name, operation, isTaken);
  if (rcode !== 0 && !fine.includes(name)) return refused(name, operation);
  return isFirst ? badSignature(verdict, operation, now, isKnown) : undefined;
}

/** A transfer begins and ends with the SOA record of the zone (RFC 5936 §2.2). */
function createTransfer(zone: string, keep: (record: WireRecord) => boolean, operation: Operation) {
  const kept: WireRecord[] = [];
  const isBound = ({ type, name }: WireRecord) => type === TYPES.SOA && canonicalName(name) === zone;
  let bounds = 0;
  const take: Take = ({ answers }) => {
    for (const record of answers) {
      if (isBound(record)) bounds += 1;
      else if (bounds !== 1) throw badAnswer('outside-zone', operation);
      if (bounds === 1 && keep(record)) kept.push(record);
    }
    if (bounds === 0) throw badAnswer('zone-without-records', operation);
    return bounds > 1;
  };
  return { take, kept };
}

function recordsOf(changes: readonly WireRecord[]): string[] {
  return [...new Set(changes.map(({ name, type }) => `${name} ${typeName(type)}`))];
}
