import { Writable } from 'node:stream';
import pino from 'pino';
import { type Emit, emitTo, type IngressEvent } from '../../src/events.ts';
import { type Log, logEvents } from '../../src/log.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface MemoryLog {
  readonly log: Log;
  /** The log's lines, including those of events. */
  readonly lines: LogLine[];
  readonly emit: Emit;
  /** The emitted events. */
  readonly events: IngressEvent[];
}

/** A log and its events, kept in memory. */
export function memoryLog(): MemoryLog {
  const lines: LogLine[] = [];
  const events: IngressEvent[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const log = pino({ level: 'debug' }, stream);
  return { log, lines, emit: emitTo((event) => void events.push(event), logEvents(log)), events };
}
