import { visible } from '../config/quote.ts';
import type { NameState, State } from '../status/state.ts';

type Row = readonly [title: string, words: string];

/** A state as lines for a person. Pure. */
export function describeState({ names, provider, version, startedAt, waiting, warnings }: State): string {
  const [only] = names.length === 1 ? names : [];
  const which = only?.domain ?? `${names.length} names`;
  const whose = waiting?.domain !== undefined && !only ? `${waiting.domain}: ` : '';
  const rows: Row[] = [
    ['ingress', `${which}, records at ${provider}, version ${version}, since ${startedAt}`],
    ...names.flatMap((name): Row[] => [...(only ? [] : [['name', name.domain] as const]), ...rowsOf(name)]),
    ...(waiting ? [['waiting', `${whose}${waiting.sentence} (since ${waiting.since})`] as const] : []),
    ...warnings.map((words, index): Row => [index === 0 ? 'warnings' : '', words]),
  ];
  return `${rows.map(([title, words]) => visible(`${title.padEnd(14)}${words}`)).join('\n')}\n`;
}

function rowsOf({ certificate, pass, failure, held }: NameState): Row[] {
  return [
    [
      'certificate',
      certificate
        ? `serial ${certificate.serial}, valid until ${certificate.notAfter}`
        : 'none is served yet',
    ],
    ['last pass', pass ? `${pass.outcome} at ${pass.at}` : 'none has ended yet'],
    ...(held ? [['no order', `before ${held.until}: ${held.sentence}`] as const] : []),
    ...(failure
      ? [
          ['failure', `${failure.code}: ${failure.message}`] as const,
          ['', failure.hint] as const,
          ['next attempt', failure.nextAttempt] as const,
        ]
      : []),
  ];
}
