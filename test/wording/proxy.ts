import { systemClock } from '../../src/clock.ts';
import { readFailure } from '../../src/proxy/process/failure.ts';
import { sharedUserWarning } from '../../src/proxy/process/host.ts';
import { cannotRun, exitedWhileStarting } from '../../src/proxy/process/process.ts';
import { resendWarning } from '../../src/proxy/process/startup.ts';
import { stopping } from '../../src/proxy/process/supervisor.ts';
import { verifyServed } from '../../src/proxy/runtime/handshake.ts';
import { expectReply, runtimeApi } from '../../src/proxy/runtime/runtime-api.ts';
import {
  doesNotAnswer,
  doesNotResolve,
  lookupFailure,
  pointsToIngress,
  tooManyAddresses,
  upMessage,
} from '../../src/proxy/upstream/messages.ts';
import { schemeHint } from '../../src/proxy/upstream/scheme-hint.ts';
import type { WordingRow } from './row.ts';

const app = { host: 'app', port: 3000 };
const http = { ...app, speaks: 'http/1.1', tls: false } as const;
const route = { name: 'app.example.com', target: http, alpn: ['h2', 'http/1.1'] };

/** The message of a log line with some termination state, server and errors. */
const failure = (state: string, server = 'app', errors = '-|-|Success|-', proxy = 'http:app:80') =>
  readFailure(`ended ${state} app.example ${proxy}/${server} 192.0.2.1 ${errors}|0|-`)?.message;
const handshake = (error: string) => failure('PR', '<NOSRV>', `-|-|${error}`, 'tls');

const failures: Readonly<Record<string, readonly [said: string | undefined, message: string]>> = {
  refused: [
    failure('SC'),
    'the app refused the connection: nothing listens on its port, or its host is unreachable',
  ],
  'connect timeout': [failure('sC'), 'the app did not accept the connection within TIMEOUT_CONNECT'],
  'closed before the response': [failure('SH'), 'the app closed the connection before it responded'],
  'not HTTP': [failure('PH'), 'the app sent a response that is not valid HTTP'],
  'no response': [failure('sH'), 'the app did not respond within TIMEOUT_SERVER'],
  'closed during the response': [
    failure('SD'),
    'the app closed the connection before the end of its response',
  ],
  'not HTTP in the body': [failure('PD'), 'the app sent a response that is not valid HTTP'],
  'closed during the last data': [
    failure('SL'),
    'the app closed the connection before the end of its response',
  ],
  silent: [failure('sD'), 'the app sent nothing for TIMEOUT_SERVER'],
  busy: [failure('sQ'), 'the app had MAXCONN requests in progress, and none ended within TIMEOUT_CONNECT'],
  'no address': [failure('SC', '<NOSRV>'), "the app has no address: its host's name does not resolve"],
  'TLS with the app': [
    failure('SC', 'app', 'SSL handshake failure|-|-|-'),
    'the app accepted the connection, but the TLS handshake with it failed',
  ],
  'no resources': [failure('RC'), 'HAProxy has no resources left for a connection'],
  'maxconn of HAProxy': [
    failure('SC', 'app', 'Reached configured maxconn value|-|-|-'),
    'HAProxy has no resources left for a connection',
  ],
  'internal error': [failure('IH'), 'HAProxy closed a connection because of an internal error'],
  abandoned: [
    failure('KH'),
    'an HTTP/1.1 client had closed its side, and nothing was transferred for 30 s: the request was ended',
  ],
  'ended by a client': [failure('CD'), 'a client or a limit ended a connection'],
  'ended normally': [
    failure('--'),
    'a connection succeeded after a retry, or the app responded with an error',
  ],
  'no request': [failure('PR'), 'a client sent no complete, valid request in time'],
  'no PROXY header': [
    handshake('Truncated PROXY protocol header received|-'),
    'a connection did not begin with a valid PROXY header',
  ],
  'TLS with a client': [handshake('SSL handshake failure|-'), 'the TLS handshake with a client failed'],
  'name not served': [
    handshake('SSL handshake failure|error:0A0000EA:SSL routines::callback failed'),
    'a client sent no server name, or one that is not served or has no certificate yet',
  ],
  evidence: [failure('sH', 'app', '-|-|-|-', 'evidence'), 'a request for evidence was not answered in time'],
  'request header too large': [
    readFailure('ended PR a.example http:app:80/app 192.0.2.1 -|-|-|-|431|request')?.message,
    "header too large: a client's request header exceeded 64 kB or 256 fields",
  ],
  'response header too large': [
    readFailure('ended PH a.example http:app:80/app 192.0.2.1 -|-|-|-|502|response')?.message,
    "header too large: the app's response header exceeded 64 kB or 256 fields",
  ],
};

const rejection = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise;
  } catch (thrown) {
    return thrown;
  }
};

/** A certificate command with a reply of HAProxy that is a refusal. */
const refusal = () =>
  expectReply({ send: async () => 'unable to load\n  the key' }, 'set ssl cert x', /^Success/);

export const rows: readonly WordingRow[] = [
  ...Object.entries(failures).map(([name, [said, message]]) => ({
    when: `a connection failed: ${name}`,
    say: () => said,
    message,
  })),
  {
    when: 'the app does not resolve, and never did',
    say: () => doesNotResolve('app', lookupFailure(Object.assign(new Error(), { code: 'ENOTFOUND' })), []),
    message:
      "the app's name app does not resolve (the resolver reports that it does not exist, ENOTFOUND): nothing can be forwarded to it. Check TARGET_ENDPOINT or ROUTING_MAP, and that the app and this container share a network",
  },
  {
    when: 'the app no longer resolves',
    say: () =>
      doesNotResolve('app', lookupFailure(Object.assign(new Error(), { code: 'EAI_AGAIN' })), ['10.0.0.1']),
    message:
      "the app's name app does not resolve (the resolver did not answer or failed, EAI_AGAIN): its last address, 10.0.0.1, is used until it does",
  },
  {
    when: 'the app no longer resolves and had several addresses',
    say: () => doesNotResolve('app', lookupFailure(new Error('no reason')), ['10.0.0.1', '10.0.0.2']),
    message:
      "the app's name app does not resolve (no reason): its last addresses, 10.0.0.1, 10.0.0.2, are used until it does",
  },
  {
    when: 'the app refuses at the start',
    say: () => doesNotAnswer(app, new Map([['10.0.0.1', 'ECONNREFUSED']]), false),
    message:
      'nothing listens at app:3000 (10.0.0.1: ECONNREFUSED). Check the port in TARGET_ENDPOINT or ROUTING_MAP, that the app has started (depends_on starts it first), and that it listens on 0.0.0.0 and not only on its own localhost. The ingress forwards to it as soon as it answers',
  },
  {
    when: 'the app does not accept connections at the start',
    say: () => doesNotAnswer({ host: '::2', port: 80 }, new Map([['::2', 'ETIMEDOUT']]), true),
    message:
      '[::2]:80 does not accept connections (::2: ETIMEDOUT). Check the port in TARGET_ENDPOINT or ROUTING_MAP, that the app has started (depends_on starts it first), and that it listens on 0.0.0.0 and not only on its own localhost. The ingress forwards to it as soon as it answers',
  },
  {
    when: 'nothing listens in the container of the ingress',
    say: () => doesNotAnswer({ host: 'localhost', port: 80 }, new Map([['127.0.0.1', 'ECONNREFUSED']]), true),
    message:
      "nothing listens at localhost:80 (127.0.0.1: ECONNREFUSED). Set TARGET_ENDPOINT or ROUTING_MAP to the name of the app's service in the compose file, unless both share one network (network_mode). The ingress forwards to it as soon as it answers",
  },
  {
    when: 'the target is the container of the ingress',
    say: () => pointsToIngress({ host: 'localhost', port: 80 }, true),
    message:
      "localhost:80 is the container of the ingress itself. Set TARGET_ENDPOINT or ROUTING_MAP to the name of the app's service in the compose file, unless both share one network (network_mode)",
  },
  {
    when: 'the app has more addresses than are used',
    say: () => tooManyAddresses(app, 9),
    message:
      '9 addresses of app:3000 answer, but at most 8 are used at once. Reduce their number, or put a load balancer of your own in front of them',
  },
  {
    when: 'the app speaks only HTTP/2',
    say: () => schemeHint(http, 'h2'),
    message:
      'the app at http://app:3000 speaks HTTP/2 but not HTTP/1.1: in TARGET_ENDPOINT or ROUTING_MAP, write grpc://app:3000',
  },
  {
    when: 'the app requires TLS',
    say: () => schemeHint(http, 'tls'),
    message:
      'the app at http://app:3000 requires TLS: in TARGET_ENDPOINT or ROUTING_MAP, write https://app:3000, or grpcs://app:3000 if it speaks gRPC',
  },
  {
    when: 'a name is up',
    say: () => upMessage(route),
    message: 'https://app.example.com is up, forwarding to http://app:3000',
  },
  {
    when: 'a name of an HTTPS app is up',
    say: () => upMessage({ ...route, target: { ...http, port: 443, tls: true } }),
    message: 'https://app.example.com is up, forwarding to https://app:443',
  },
  {
    when: 'a name of a gRPC app is up',
    say: () => upMessage({ ...route, target: { ...http, speaks: 'h2' } }),
    message: 'https://app.example.com is up, forwarding to grpc://app:3000',
  },
  {
    when: 'a name of a TCP app is up',
    say: () => upMessage({ ...route, target: { host: 'fd00::1', port: 5432, speaks: 'tcp', tls: false } }),
    message: 'app.example.com:443 (TLS) is up, forwarding to tcp://[fd00::1]:5432',
  },
  {
    when: 'a name of a TCP app with a protocol of its own is up',
    say: () => upMessage({ ...route, target: { ...http, speaks: 'tcp' }, alpn: ['postgresql', 'http/1.1'] }),
    message: 'app.example.com:443 (TLS, postgresql) is up, forwarding to tcp://app:3000',
  },
  {
    when: 'a name is up, with a warning',
    say: () => upMessage(route, ['GATEWAY_DOMAIN']),
    message:
      'https://app.example.com is up, forwarding to http://app:3000; it may not be reachable, see the warning about GATEWAY_DOMAIN',
  },
  {
    when: 'a name is up, with warnings',
    say: () => upMessage(route, ['GATEWAY_DOMAIN', 'the app at app']),
    message:
      'https://app.example.com is up, forwarding to http://app:3000; it may not be reachable, see the warnings about GATEWAY_DOMAIN and the app at app',
  },
  {
    when: 'HAProxy is older than 3.0',
    say: () => resendWarning('2.6.12'),
    message:
      'if the app closes the connection instead of responding, HAProxy 2.6.12 makes the client send the request again, even a POST, and the app may execute it twice. Set HAPROXY_BIN to HAProxy 3.0 or newer, which responds with 502',
  },
  {
    when: "HAProxy runs as the control plane's user",
    say: () => sharedUserWarning({ uid: 10_001 }),
    message:
      "HAProxy, which faces the network, runs as the same user as the control plane (10001): an attacker who takes it over can read the provider's token and the private keys. To separate them, run the container as root with cap_add: [SETUID, SETGID], see docs/image.md",
  },
  {
    when: 'the port is in use',
    say: () => exitedWhileStarting('exit code 1: cannot bind socket (Address already in use)', 443),
    message:
      'HAProxy cannot listen on port 443 (PORT): exit code 1: cannot bind socket (Address already in use)',
    hint: 'Set PORT to a free port, or stop the program that listens on 443.',
  },
  {
    when: 'HAProxy may not listen on a low port',
    say: () => exitedWhileStarting('exit code 1: cannot bind socket (Permission denied)', 443),
    message: 'HAProxy exited while starting: exit code 1: cannot bind socket (Permission denied)',
    hint: 'Give the container the capability to listen on port 443 (cap_add: [NET_BIND_SERVICE]), or set PORT to 1024 or more.',
  },
  {
    when: 'HAProxy may not change its user',
    say: () => exitedWhileStarting('exit code 1: Cannot set gid 99.', 443),
    message: 'HAProxy exited while starting: exit code 1: Cannot set gid 99.',
    hint: 'Give the container the capabilities to change to another user (cap_add: [SETUID, SETGID]): HAProxy never runs as root.',
  },
  {
    when: 'HAPROXY_BIN cannot be run',
    say: () => cannotRun('/no/haproxy', undefined, new Error('spawn ENOENT')),
    message: '/no/haproxy could not be run: spawn ENOENT',
    hint: 'Check that HAPROXY_BIN is an HAProxy 2.6 or newer.',
  },
  {
    when: 'HAProxy is being stopped',
    say: stopping,
    message: 'HAProxy is being stopped.',
  },
  {
    when: 'HAProxy refuses a command',
    say: () => rejection(refusal()),
    message: 'HAProxy refused "set ssl cert x": unable to load the key',
  },
  {
    when: "a command does not fit HAProxy's buffer",
    say: () => rejection(runtimeApi('/no/socket', systemClock).send('x', { payload: 'x'.repeat(16_000) })),
    message: 'HAProxy did not answer "x": the payload does not fit one buffer.',
  },
  {
    when: 'the runtime API cannot be connected to',
    say: () => rejection(runtimeApi('/no/socket', systemClock).send('show info')),
    message: 'HAProxy did not answer "show info": connect ENOENT /no/socket.',
  },
  {
    when: 'HAProxy does not present a certificate',
    say: () => {
      const expected = { servername: '*.example.com', fingerprint256: 'AB:CD', timeoutMs: 1 };
      return rejection(verifyServed({ ...expected, path: '/no/own.sock', clock: systemClock }));
    },
    message:
      'HAProxy did not present the installed certificate in a handshake for ingress-handshake.example.com: connect ENOENT /no/own.sock.',
  },
];
