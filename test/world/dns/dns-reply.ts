import packet, { type Answer, type DecodedPacket } from 'dns-packet';
import { optRecord } from './dns-client.ts';

export type ReplyCode = keyof typeof replyCodes;

/** The flags of a response (RFC 1035 §4.1.1). */
export interface ReplyMarks {
  readonly truncated?: boolean;
  /** Sent by a resolver: recursion is available, and the answer is not authoritative. */
  readonly recursive?: boolean;
}

// dns-packet puts the response code into the low four bits of the flags (RFC 1035 §4.1.1).
const replyCodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** The response to a query, with EDNS if the query has it. */
export function encodeReply(
  query: DecodedPacket,
  code: ReplyCode,
  answers: readonly Answer[],
  { truncated = false, recursive = false }: ReplyMarks = {},
): Buffer {
  const asked = query.flag_rd ? packet.RECURSION_DESIRED : 0;
  const by = recursive ? packet.RECURSION_AVAILABLE : packet.AUTHORITATIVE_ANSWER;
  const hasOpt = query.additionals?.some((record) => record.type === 'OPT') ?? false;
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: by | asked | (truncated ? packet.TRUNCATED_RESPONSE : 0) | replyCodes[code],
    questions: query.questions ?? [],
    answers: [...answers],
    additionals: hasOpt ? [optRecord(1232)] : [],
  });
}
