import { describeExpiry, describeSpan } from '../../certificates/renewal/ending.ts';
import { visible } from '../../config/quote.ts';
import type { NameState, State } from '../../status/state.ts';

type Row = readonly [title: string, words: string];

/** The state as text for a terminal. Pure. */
export function describeState(
  { names, provider, version, startedAt, waiting, warnings }: State,
  now: Date,
): string {
  const [only] = names.length === 1 ? names : [];
  const which = only?.domain ?? `${names.length} names`;
  const whose = waiting?.domain !== undefined && !only ? `${waiting.domain}: ` : '';
  const rows: Row[] = [
    ['ingress', `${which}, records at ${provider}, version ${version}, since ${startedAt}`],
    ...names.flatMap((name): Row[] => [
      ...(only ? [] : [['name', name.domain] as const]),
      ...rowsOf(name, now),
    ]),
    ...(waiting ? [['waiting', `${whose}${waiting.sentence} (since ${waiting.since})`] as const] : []),
    ...warnings.map((words, index): Row => [index === 0 ? 'warnings' : '', words]),
  ];
  return `${rows.map(([title, words]) => visible(`${title.padEnd(14)}${words}`)).join('\n')}\n`;
}

function rowsOf(name: NameState, now: Date): Row[] {
  const { renewal, pass, failure, held } = name;
  return [
    ['certificate', describeCertificate(name, now)],
    ...(renewal ? [['renewal', renewal.reason.replace(/^renewal /, '')] as const] : []),
    ['last run', pass ? `${pass.outcome} at ${pass.at}` : 'none has ended yet'],
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

function describeCertificate({ certificate, expired }: NameState, now: Date): string {
  const known = certificate ?? expired;
  if (!known) return 'none is served yet';
  const end = new Date(known.notAfter);
  const left = `valid until ${known.notAfter} (${describeSpan(end.getTime() - now.getTime())} left)`;
  const life = now < end ? left : describeExpiry(end, now);
  return `serial ${known.serial}, ${life}${certificate ? '' : '; it is not served'}`;
}
