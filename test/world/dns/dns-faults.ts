import { setTimeout as sleep } from 'node:timers/promises';
import type { DecodedPacket } from 'dns-packet';
import { FaultRules } from '../faults/fault-rules.ts';
import type { Transport } from './dns-listener.ts';
import { encodeReply, type ReplyMarks } from './dns-reply.ts';
import { bareName, toAnswer } from './presentation.ts';

/** A question that a server was asked. */
export interface SeenQuestion {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: string;
  readonly transport: Transport;
  /** The address of who asks. */
  readonly client: string;
  readonly at: Date;
}

/** What becomes of a question in place of its answer. */
export type DnsFault =
  /** `empty` says that the name is there and has no such record (RFC 2308 §2.2). */
  | { readonly kind: 'servfail' | 'refused' | 'nxdomain' | 'empty' | 'silent' }
  /** Other records of the type that is asked for, in presentation format. */
  | { readonly kind: 'lie'; readonly data: readonly string[] }
  /** The true answer, so many milliseconds late. */
  | { readonly kind: 'slow'; readonly ms: number };

const CODES = { servfail: 'SERVFAIL', refused: 'REFUSED', nxdomain: 'NXDOMAIN', empty: 'NOERROR' } as const;
const LIE_SECONDS = 1;

/** How a server misbehaves. All can be changed at any time. */
export class DnsFaults {
  /** Takes questions and says nothing. */
  silent = false;
  /** Answers SERVFAIL to everything. */
  servfail = false;
  /** Truncates every answer over UDP, so that only TCP gives it. */
  truncateUdp = false;
  /** Milliseconds that every answer takes longer. */
  slowMs = 0;
  readonly #marks: ReplyMarks;
  readonly #rules = new FaultRules<SeenQuestion, DnsFault>();

  constructor(marks: ReplyMarks = {}) {
    this.#marks = marks;
  }

  /** Lets the questions fail that the predicate names; the first rule that fits decides. */
  when(matches: (question: SeenQuestion) => boolean, fault: DnsFault, times?: number): void {
    this.#rules.add(matches, fault, times);
  }

  /** It behaves again. */
  clear(): void {
    Object.assign(this, { silent: false, servfail: false, truncateUdp: false, slowMs: 0 });
    this.#rules.clear();
  }

  /** Resolves with the false answer, with `silence`, or with undefined where the true one shall be given. */
  async reply(query: DecodedPacket, question: SeenQuestion): Promise<Buffer | 'silence' | undefined> {
    const fault = this.#rules.next(question);
    const lateMs = this.slowMs + (fault?.kind === 'slow' ? fault.ms : 0);
    // Nobody waits for it any more when this process could end.
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

/** What a query asks and how it came; undefined when it asks nothing. */
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
