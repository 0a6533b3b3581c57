import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findGuestAgent, type GuestAgent } from '../../src/dstack/agent.ts';
import { identify, identityFault } from '../../src/dstack/identity.ts';
import type { MissingSocket } from '../../src/dstack/missing-socket.ts';
import { IngressError } from '../../src/errors.ts';
import type { WordingRow } from './row.ts';

const OURS = 'ab'.repeat(20);
const OTHER = 'cd'.repeat(20);
const PATH = '/var/run/dstack.sock';
const never = new AbortController().signal;

const reports: GuestAgent = { endpoint: PATH, appId: async () => OURS };
const fails: GuestAgent = {
  endpoint: PATH,
  appId: () => Promise.reject(new IngressError('GUEST_AGENT_FAILED', `the guest agent at ${PATH}: reset`)),
};

const warning = async (agent: GuestAgent | undefined, missing?: MissingSocket) =>
  (await identify(agent, OTHER, never, missing)).warning?.sentence;

const unknown = (missing?: MissingSocket) =>
  identify(undefined, undefined, never, missing).catch((thrown: unknown) => thrown);

const fault = (missing?: MissingSocket) => {
  const { variable, problem, fix } = identityFault(missing);
  return `${variable} ${problem} -> ${fix}`;
};

/** The error for an agent that answers with this status and text; its URL is written as `AGENT`. */
const answering = (status: number, text: string) => async (): Promise<unknown> => {
  await using server = createServer((_, response) => response.writeHead(status).end(text));
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  // A server that listens on TCP has an address and a port.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return await findGuestAgent(url)
    ?.appId(never)
    .catch((thrown: unknown) =>
      thrown instanceof IngressError
        ? new IngressError(thrown.code, thrown.message.replace(url, 'AGENT'))
        : thrown,
    );
};

const MOUNT =
  'Mount the guest agent into the container (volumes: - /var/run/dstack.sock:/var/run/dstack.sock), or set APP_ID.';
const REMOVE =
  'Remove that directory on the host (Docker created it because the source of the bind mount was missing), mount the socket that the host has (/var/run/dstack.sock, or the older /var/run/tappd.sock) and recreate the container; or set APP_ID.';
const NAMED = `Set DSTACK_SIMULATOR_ENDPOINT to the socket of a guest agent or simulator, or remove it. ${MOUNT}`;

const directory = { path: PATH, holds: 'a directory', isNamed: false } as const;
const file = { path: PATH, holds: 'something else', isNamed: false } as const;
const named = (holds: MissingSocket['holds']) => ({ path: '/sim.sock', holds, isNamed: true });

export const rows: readonly WordingRow[] = [
  {
    when: 'no socket of the guest agent and no APP_ID',
    say: () => unknown(),
    message: 'there is no guest agent socket, and APP_ID is not set',
    hint: MOUNT,
  },
  {
    when: 'a directory in place of the socket',
    say: () => unknown(directory),
    message: `${PATH} is a directory, not a socket: its source was missing on the host, and APP_ID is not set`,
    hint: REMOVE,
  },
  {
    when: 'a file in place of the socket',
    say: () => unknown(file),
    message: `${PATH} is not a socket, and APP_ID is not set`,
    hint: MOUNT,
  },
  {
    when: 'nothing where DSTACK_SIMULATOR_ENDPOINT says',
    say: () => unknown(named('nothing')),
    message: 'DSTACK_SIMULATOR_ENDPOINT is /sim.sock, where there is no socket, and APP_ID is not set',
    hint: NAMED,
  },
  {
    when: 'a file where DSTACK_SIMULATOR_ENDPOINT says',
    say: () => unknown(named('something else')),
    message: 'DSTACK_SIMULATOR_ENDPOINT is /sim.sock, which is not a socket, and APP_ID is not set',
    hint: NAMED,
  },
  {
    when: 'the same as a fault of the configuration',
    say: () => fault(),
    message: `APP_ID is not set, and no guest agent socket is mounted -> ${MOUNT}`,
  },
  {
    when: 'a directory in place of the socket, as a fault of the configuration',
    say: () => fault(directory),
    message: `APP_ID is not set, and ${PATH} is a directory, not a socket: its source was missing on the host -> ${REMOVE}`,
  },
  {
    when: 'another app id than APP_ID',
    say: () => warning(reports),
    message: `APP_ID is ${OTHER}, but the guest agent reports ${OURS}; using the guest agent's`,
  },
  {
    when: 'an agent that fails while APP_ID is set',
    say: () => warning(fails),
    message: `the guest agent at ${PATH}: reset; APP_ID is used instead`,
  },
  {
    when: 'a directory in place of the socket while APP_ID is set',
    say: () => warning(undefined, directory),
    message: `${PATH} is a directory, not a socket: its source was missing on the host; APP_ID is used instead`,
  },
  {
    when: 'an answer without an app id',
    say: answering(200, '{}'),
    message: 'the guest agent at AGENT returned no app id of 40 hexadecimal digits',
    hint: 'Check that the mounted socket is that of the dstack guest agent, or set APP_ID instead.',
  },
  {
    when: 'an answer that is an error',
    say: answering(500, 'no quote'),
    message: 'the guest agent at AGENT: it answered with status 500: no quote',
  },
  {
    when: 'an answer that is not JSON',
    say: answering(200, '<html>'),
    message: 'the guest agent at AGENT: its answer is not JSON: <html>',
  },
];
