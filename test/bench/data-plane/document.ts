import { connectionTable, speedTable } from './limits.ts';
import { bulkMetric, handshakeMetrics, namesMetrics, requestMetrics } from './metrics.ts';
import { plots } from './plots.ts';
import type { Results } from './results.ts';
import {
  aimTable,
  failureList,
  growthTable,
  latencyTable,
  manyNames,
  memoryTable,
  rateTables,
} from './tables.ts';

/** docs/performance.md: the prose is here, and every number comes from results.json. Pure. */
export function performanceDocument(results: Results, generated: string): string {
  const { setting } = results;
  const drawn = plots(results);
  const plot = (file: string, words: string) => (drawn.has(file) ? `![${words}](performance/${file})` : '');
  const names = manyNames(results);
  const many = names.toLocaleString('en');
  return [
    `# Performance

${generated}

Our data plane beside the alternatives, measured by
\`scripts/bench data-plane --trixie --out docs/performance\` (then \`npm run docs\`). Everything runs on
one host over loopback, so the figures compare programs; they do not predict results over a network.

- ${setting.host}; ${setting.date.slice(0, 10)}; ${setting.rounds} rounds, ${setting.seconds} s for each reading
${setting.versions.map((line) => `- ${line}`).join('\n')}`,
    METHOD,
    `## Aims

${aimTable(results)}

A ratio is the median over the rounds (least–most); the aim is met when the median meets it. The best
of the others is the one that is best over all rounds. "Rounds differ" means that the bound lies
between the least and the most.

${FINDINGS}`,
    `## New connections

${plot('handshakes.svg', 'New connections per second of the proxy’s core')}

${rateTables(results, handshakeMetrics)}

${CONNECTIONS}

${connectionTable(results)}

\`openssl speed\` on the proxy's core, the library that all but Caddy use:

${speedTable(results)}`,
    `## Requests on kept connections

${plot('requests.svg', 'Requests on kept connections')}

${rateTables(results, requestMetrics)}

${REQUESTS}`,
    `## Bulk

${plot('bulk.svg', 'Bulk throughput')}

${rateTables(results, [bulkMetric])}

${BULK}`,
    `## Latency

${plot('latency.svg', 'Latency at half load')}

${latencyTable(results)}

${LATENCY}`,
    `## Memory

${plot('memory.svg', 'Memory')}

${memoryTable(results, 1)}

${MEMORY}`,
    names < 2
      ? ''
      : `## ${many} names

${plot('names.svg', `With ${many} names`)}

${growthTable(results)}

${rateTables(results, namesMetrics(names))}

${memoryTable(results, names)}

${NAMES}`,
    results.failures.length === 0
      ? ''
      : `## Readings that could not be taken

${failureList(results)}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

const METHOD = `## How it is measured

**Contenders.** Ours is started as the control plane starts it, once for a target that takes bytes
(TCP) and once for one that takes HTTP/1.1. "HAProxy as in 2.3" and "as in 2.6" have the
configuration that the older container writes in those versions: the first has only secp384r1, both
have \`no-tls-tickets\`, wait for 16 bytes and inspect them, and log each connection (to /dev/null
here). nginx (stream, http) and Caddy are configured for speed: kept connections to the app, no log,
tickets, their own choice of curves. All have the same certificates (ECDSA P-256) and TLS 1.2 and
1.3; the clients use 1.3 with AES-128-GCM first, as browsers do.

**Cores.** The contender has a core for itself (one HAProxy thread, one nginx worker, GOMAXPROCS=1);
client and app share the others. The app is nginx with files, the same for all.

**Per second of the proxy's core.** A client that verifies signatures works harder than the server
that makes them, so on two cores the client is often the limit. Each reading therefore also takes
the CPU time of the contender's processes, from /proc/PID/stat, and contenders are compared by what
they do in each second of it. For a proxy that is busy all the time that is what it does in a
second; for one that is not (\`*\`: below 95 % of its core) it is what it would do if each piece of
work kept its cost. The plain rate is beside it. With one connection no contender is ever busy, and
the plain rate is compared.

**Rounds.** Each round does each work once with each contender, one after the other, in an order
that rotates; a ratio is of two readings of the same round. No reading is left out: one that could
not be taken is listed at the end.

**Clients.** New connections: a small C program (test/bench/data-plane/clients/handshakes.c) that
connects, makes one request of two bytes, reads the answer and with it the tickets, and ends the
connection properly; a run counts only when at least 99 % of the sessions were really resumed, or
none. A ticket is offered once, as RFC 8446 (appendix C.4) asks and as browsers do. Requests and
bulk: wrk, with a Host field that names no port, as for 443. Latency: a C program that sends at
moments drawn beforehand.`;

const FINDINGS = `What sets the limits:

- **Handshakes, 4 times the 2.3 configuration.** The gain is that of X25519 over secp384r1, and it
  shrinks with the library: OpenSSL 3.5 computes P-384 twice as fast as the 3.0 of Debian bookworm,
  with which the aim is met. Most of what our connection costs is not mathematics (the table under
  "New connections"): even with a free key agreement the ratio would stay below that aim.
- **New connections, the best of all.** nginx in HTTP mode and Caddy send the first request of a new
  client on a connection to the app that another client has used. Ours opens one, because a request
  on a connection that the app is about to close could only be answered by a 502
  ([why](decisions/0027-connections-to-the-app.md)).
- **New connections, TCP.** nginx makes about 40 system calls for a connection, HAProxy about 51
  (counted by strace): it reads each TLS record in two calls and sends each part of a handshake by
  itself. A profile (perf, a client without ML-KEM, another host) shows 44 % of the time in
  libcrypto, 33 % in the kernel, 8 % in libssl and 6 % in HAProxy itself, so none of our own code
  could be faster. No setting of HAProxy's changes that; what helped is below.
- **TCP on kept connections** is the same HAProxy as in the older configurations, and as fast; nginx
  spends less on passing on a small request.
- **HTTP mode on kept connections** does more than the others: it compares the name of each request
  with that of the connection, removes what clients say about themselves, and adds four fields.
  nginx and Caddy are measured without any of that. Without these rules, on this host, the same
  HAProxy answers a tenth more (12 rounds of one second with and without: 1.10, 1.06 to 1.18), and
  is still at 0.87 of nginx; no rule costs much by itself, and no setting of HAProxy's
  (\`http-reuse\`, \`tune.maxpollevents\`, \`tune.runqueue-depth\`, \`tune.bufsize\`, zero-copy forwarding,
  low latency scheduling) made it faster by more than the noise of 4 %. A Host field that names a
  port costs another tenth.

What was tried while choosing, on another host (AMD EPYC), per second of the proxy's core, medians
of three rounds in one run:

| | with | without |
| --- | --- | --- |
| sessions in memory instead of tickets with keys: full handshakes | 1,846 | 1,702 |
| the same: sessions resumed, of those that a client wanted to | all | half |
| one ticket for a new client instead of two: full handshakes | 1,913 | 1,846 |
| \`http-reuse always\` (not taken): full handshakes in HTTP mode | 1,948 | 1,720 |
| \`retry-on empty-response\`, which it would need (not taken): requests of 1 kB, with a port in the Host field | 33,100 | 37,200 |`;

const CONNECTIONS = `A connection here is all of it: TCP and TLS handshake, a connection to the app if the proxy makes
one for each client, a request, an answer, two endings. The table shows how much of it is
mathematics (\`openssl speed\`, below) and how much is the kernel, the rest of the TLS library and the
proxy. Today's clients offer X25519MLKEM768, which withstands quantum computers and costs more than
X25519; a proxy that does not know it looks faster for that reason. A resumed session saves the
signature and the certificate, not the key agreement.`;

const REQUESTS = `A proxy that passes bytes on does less than one that reads requests: ours in HTTP mode also rewrites
what the app is told about the client and checks that the name fits the connection. One connection:
each request waits for the answer to the one before, so the figure is the time of one round trip,
most of which is waking up processes; these readings run in real-time scheduling.`;

const BULK = `Four connections download bodies of 64 MiB. The proxy copies each byte from the kernel, encrypts it,
and copies it back; encryption alone is far from the limit (AES-128-GCM, above).`;

const LATENCY = `Requests of 1 kB on 64 kept connections at a fixed rate, the same for all: half of what the slowest
contender can handle. The moments are a Poisson process, and the time of a request counts from the
moment it was due, whether or not the connection was free: a server that stalls cannot hide it by
keeping the client from asking (no "coordinated omission"). Contender, client and app run in
real-time scheduling, so that other programs on the host do not show.`;

const MEMORY = `The proportional share (PSS) of all processes of the contender, started for this reading: after one
connection, and the growth when a thousand more connections have made one request each and stay
open. The kernel's buffers are not included.`;

const NAMES = `A certificate for each name. Ours gets them one by one through the runtime socket; HAProxy as the
older container configures it reads a folder of PEM files and has a \`use_backend\` rule for each
name, which are tried one after the other; nginx has a server for each, Caddy a site for each. The
clients ask for names at random, for resumption for one that is theirs, wrk for the last one.`;
