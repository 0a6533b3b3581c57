import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { startBlackhole } from '../proxy/blackhole.ts';
import { freePort } from '../proxy/proxy.ts';
import { startApp } from './tcp-app.ts';

const HALF = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it';

/** Calls `then` once the client has sent its first bytes. */
const asked =
  (then: (socket: Socket) => void) =>
  (socket: Socket): void => {
    socket.once('data', () => then(socket));
  };

/** How a faulty app treats a connection. */
export const faultyApps = {
  'resets at once': (socket: Socket) => socket.resetAndDestroy(),
  'resets on request': asked((socket) => socket.resetAndDestroy()),
  'closes at once': (socket: Socket) => socket.end(),
  'closes on request': asked((socket) => socket.end()),
  'sends half a header': asked((socket) => socket.end('HTTP/1.1 200 OK\r\nconten')),
  'answers garbage': asked((socket) => socket.end('220 this is no HTTP\r\n')),
  'is silent': () => undefined,
  'resets in the middle': asked((socket) => socket.write(HALF, () => endSoon(socket))),
  'is silent in the middle': asked((socket) => socket.write(HALF)),
} as const;

export type Fault = keyof typeof faultyApps | 'refuses' | 'accepts no connection' | 'has no address';

/** Resets only after the other side has read everything: a reset discards unread data. */
function endSoon(socket: Socket): void {
  setTimeout(() => socket.resetAndDestroy(), 50);
}

/** Starts an app with a fault. Returns its host and port. */
export async function startFault(t: TestContext, fault: Fault): Promise<{ host: string; port: number }> {
  if (fault === 'has no address') return { host: 'nowhere.invalid', port: 80 };
  const host = '127.0.0.1';
  if (fault === 'refuses') return { host, port: await freePort() };
  if (fault === 'accepts no connection') return { host, port: await startBlackhole(t) };
  return { host, port: await startApp(t, faultyApps[fault]) };
}
