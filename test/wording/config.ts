import { ConfigError, describeFaults } from '../../src/config/faults.ts';
import { describeMisplaced } from '../../src/dstack/misplaced.ts';
import { IngressError, RETRIES } from '../../src/errors.ts';
import { faultsOf, GOOD, load } from '../harness/config.ts';
import type { WordingRow } from './row.ts';

/** The only fault of an environment, as the operator reads it. */
function fault(changes: Record<string, string>): string {
  const faults = faultsOf({ ...GOOD, ...changes });
  return faults.map(({ variable, problem, fix }) => `${variable} ${problem} -> ${fix}`).join('\n');
}

const warning = (changes: Record<string, string>) => load({ ...GOOD, ...changes }).warnings.join('\n');

export const rows: readonly WordingRow[] = [
  {
    when: 'a number out of range',
    say: () => fault({ PORT: '70000' }),
    message: 'PORT is not a whole number from 1 to 65535: "70000" -> Set a port from 1 to 65535.',
  },
  {
    when: 'a URL instead of a name',
    say: () => fault({ DOMAIN: 'https://app.example.com' }),
    message: 'DOMAIN is not a domain name: "https://app.example.com" -> Remove https://: app.example.com',
  },
  {
    when: 'a secret and its file',
    say: () => fault({ ALPHA_TOKEN: 'abc', ALPHA_TOKEN_FILE: '/run/secrets/token' }),
    message: 'ALPHA_TOKEN and ALPHA_TOKEN_FILE are both set -> Remove ALPHA_TOKEN or ALPHA_TOKEN_FILE.',
  },
  {
    when: 'a variable of older containers that is not supported',
    say: () => fault({ DELEGATION_ZONE: 'example.net' }),
    message:
      'DELEGATION_ZONE is set, but this version writes into the zone of the served name, and would replace the CNAME records there -> Remove it and set credentials for the zone of the served name; otherwise keep using the older container for now.',
  },
  {
    when: 'a misspelt variable',
    say: () => warning({ SET_CCA: 'true' }),
    message: 'SET_CCA has no effect, because there is no such variable; did you mean SET_CAA?',
  },
  {
    when: 'an interval out of bounds',
    say: () => warning({ RENEW_INTERVAL: '5' }),
    message: 'RENEW_INTERVAL=5 counts as 60: it can be 60 to 43200 seconds',
  },
  {
    when: 'the text for a terminal',
    say: () =>
      describeFaults(
        new ConfigError(
          [{ variable: 'PORT', kind: 'malformed', problem: 'is wrong', fix: 'Set it.' }],
          ['X has no effect'],
        ),
      ),
    message:
      'The configuration has 1 error:\n\n  PORT is wrong\n    -> Set it.\n\nWarnings:\n  X has no effect\n\nNothing was started and nothing was written. docs/configuration.md lists every variable.\n',
  },
  {
    when: 'a directory in place of the socket of the guest agent',
    say: () =>
      describeMisplaced({ path: '/var/run/dstack.sock', holds: 'a directory', isNamed: false }).problem,
    message: '/var/run/dstack.sock is a directory, not a socket: its source was missing on the host',
  },
  {
    when: 'an error with the hint of its code',
    say: () => new IngressError('PROVIDER_UNREACHABLE', 'no answer from api.example.net within 15 s'),
    message: 'no answer from api.example.net within 15 s',
    hint: `Check the outgoing network of the container. ${RETRIES}`,
  },
];
