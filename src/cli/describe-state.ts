import { visible } from '../config/quote.ts';
import type { State } from '../status/state.ts';

/** A state as lines for a person. Pure. */
export function describeState(state: State): string {
  const { domain, provider, version, startedAt, certificate, pass, failure, waiting, warnings } = state;
  const rows: [title: string, words: string][] = [
    ['ingress', `${domain}, records at ${provider}, version ${version}, since ${startedAt}`],
    [
      'certificate',
      certificate
        ? `serial ${certificate.serial}, valid until ${certificate.notAfter}`
        : 'none is served yet',
    ],
    ['last pass', pass ? `${pass.outcome} at ${pass.at}` : 'none has ended yet'],
    ...(failure
      ? ([
          ['failure', `${failure.code}: ${failure.message}`],
          ['', failure.hint],
          ['next attempt', failure.nextAttempt],
        ] as [string, string][])
      : []),
    ...(waiting ? ([['waiting', `${waiting.sentence} (since ${waiting.since})`]] as [string, string][]) : []),
    ...warnings.map((words, index): [string, string] => [index === 0 ? 'warnings' : '', words]),
  ];
  return `${rows.map(([title, words]) => visible(`${title.padEnd(14)}${words}`)).join('\n')}\n`;
}
