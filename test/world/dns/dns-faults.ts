import { setTimeout as sleep } from 'node:timers/promises';
import type { DecodedPacket } from 'dns-packet';
import { FaultRules } from '../faults/fault-rules.ts';
import type { Transport } from './dns-listener.ts';
import { encodeReply, type ReplyMarks } from './dns-reply.ts';
import { bareName, toAnswer } from './presentation.ts';

/** A query that a server received. */
export interface SeenQuestion {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: string;
  readonly transport: Transport;
  /** The client's address. */
  readonly client: string;
  readonly at: Date;
}

/** What replaces the response to a query. */
export type DnsFault =
  /** `empty`: the name exists, but has no such record (RFC 2308 §2.2). */
  | { readonly kind: 'servfail' | 'refused' | 'nxdomain' | 'empty' | 'silent' }
  /** Other records of the queried type, in presentation format. */
  | { readonly kind: 'lie'; readonly data: readonly string[] }
  /** The correct answer, delayed by this many milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number };

const CODES = { servfail: 'SERVFAIL', refused: 'REFUSED', nxdomain: 'NXDOMAIN', empty: 'NOERROR' } as const;
const LIE_SECONDS = 1;

/** A server's faults. All can be changed at any time. */
export class DnsFaults {
  /** Accepts queries and never responds. */
  silent = false;
  /** Answers SERVFAIL to everything. */
  servfail = false;
  /** Truncates every response over UDP, so that only TCP has the answer. */
  truncateUdp = false;
  /** The delay of every response, in milliseconds. */
  slowMs = 0;
  readonly #marks: ReplyMarks;
  readonly #rules = new FaultRules<SeenQuestion, DnsFault>();

  constructor(marks: ReplyMarks = {}) {
    this.#marks = marks;
  }

  /** Makes the queries fail for which the predicate returns true; the first matching rule wins. */
  when(matches: (question: SeenQuestion) => boolean, fault: DnsFault, times?: number): void {
    this.#rules.add(matches, fault, times);
  }

  /** Removes all faults. */
  clear(): void {
    Object.assign(this, { silent: false, servfail: false, truncateUdp: false, slowMs: 0 });
    this.#rules.clear();
  }

  /**
   * Resolves with the false response, with `silence`, or with undefined for the correct response.
   */
  async reply(query: DecodedPacket, question: SeenQuestion): Promise<Buffer | 'silence' | undefined> {
    const fault = this.#rules.next(question);
    const lateMs = this.slowMs + (fault?.kind === 'slow' ? fault.ms : 0);
    // A delayed response must not keep the process running.
    if (lateMs > 0) await sleep(lateMs, undefined, { ref: false });
    if (this.silent || fault?.kind === 'silent') return 'silence';
    if (this.servfail) return encodeReply(query, 'SERVFAIL', [], this.#marks);
    if (this.truncateUdp && question.transport === 'udp')
      return encodeReply(query, 'NOERROR', [], { ...this.#marks, truncated: true });
    if (fault === undefined || fault.kind === 'slow') return undefined;
    if (fault.kind !== 'lie') return encodeReply(query, CODES[fault.kind], [], this.#marks);
    const name = query.questions?.[0]?.name ?? question.name;
    const { type } = question;
    const answers = fault.data.map((data) => toAnswer({ name, type, ttl: LIE_SECONDS, data }, name));
    return encodeReply(query, 'NOERROR', answers, this.#marks);
  }
}

/** The question of a query and its transport; undefined if it has no question. */
export function seenQuestion(
  query: DecodedPacket,
  transport: Transport,
  client: string,
): SeenQuestion | undefined {
  const question = query.questions?.[0];
  return (
    question && { name: bareName(question.name), type: question.type, transport, client, at: new Date() }
  );
}
