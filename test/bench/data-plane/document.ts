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

Our data plane compared with the alternatives, measured by
\`scripts/bench data-plane --trixie --out docs/performance\` (then \`npm run docs\`). Everything runs on
one host over loopback, so the figures compare programs; they do not predict results over a network.

- ${setting.host}; ${setting.date.slice(0, 10)}; ${setting.rounds} rounds, ${setting.seconds} s for each reading
${setting.versions.map((line) => `- ${line}`).join('\n')}`,
    METHOD,
    `## Aims

${aimTable(results)}

A ratio is the median over the rounds (minimum–maximum); the aim is met if the median meets it. The
best of the others is the best over all rounds. "Rounds differ" means that the bound lies between
the minimum and the maximum.

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

**Contenders.** Ours is started as the control plane starts it, once for a TCP target and once for
an HTTP/1.1 target. "HAProxy as in 2.3" and "as in 2.6" have the configuration that the older
container writes in those versions: the first has only secp384r1; both have \`no-tls-tickets\`, wait
for 16 bytes and inspect them, and log each connection (here to /dev/null). nginx (stream, http) and
Caddy are configured for speed: persistent connections to the app, no log, tickets, their default
curves. All have the same certificates (ECDSA P-256) and TLS 1.2 and 1.3; the clients use 1.3 with
AES-128-GCM first, as browsers do.

**Cores.** The contender has a core for itself (one HAProxy thread, one nginx worker, GOMAXPROCS=1);
client and app share the others. The app is nginx serving files, the same for all contenders.

**Per second of the proxy's core.** A client that verifies signatures works harder than the server
that creates them, so on two cores the client is often the limit. Each reading therefore includes
the CPU time of the contender's processes, from /proc/PID/stat, and contenders are compared by their
work per second of CPU time. For a proxy that is always busy, this is its rate. For one that is not
(\`*\`: below 95 % of its core), it is the rate that it would reach at the same cost per unit of work.
The tables also have the measured rate. With one connection no contender is ever busy, so the
measured rates are compared.

**Rounds.** Each round runs each work once with each contender, in a rotating order; a ratio
compares two readings of the same round. No reading is omitted: those that could not be taken are
listed at the end.

**Clients.** New connections: a small C program (test/bench/data-plane/clients/handshakes.c) that
connects, requests two bytes, reads the response and with it the tickets, and closes the connection
cleanly; a run counts only if at least 99 % of the sessions were really resumed, or none. A ticket
is used once, as RFC 8446 (appendix C.4) recommends and as browsers do. Requests and bulk: wrk, with
a Host field without a port, as for 443. Latency: a C program that sends at times drawn in advance.`;

const FINDINGS = `What sets the limits:

- **Handshakes, 4 times the 2.3 configuration.** The gain comes from X25519 instead of secp384r1,
  and it shrinks with newer libraries: OpenSSL 3.5 computes P-384 twice as fast as the 3.0 of Debian
  bookworm, with which the aim is met. Cryptography is the smaller part of the cost of our
  connection (the table under "New connections"): even with a free key agreement the ratio would
  stay below that aim.
- **New connections, the best of all.** nginx in HTTP mode and Caddy send the first request of a new
  client on a connection to the app that another client has used. Ours opens a new one, because a
  request on a connection that the app is about to close could only get a 502
  ([why](decisions/0027-connections-to-the-app.md)).
- **New connections, TCP.** nginx makes about 40 system calls per connection, HAProxy about 51
  (counted with strace): it reads each TLS record in two calls and sends each part of a handshake
  separately. A profile (perf, a client without ML-KEM, another host) shows 44 % of the time in
  libcrypto, 33 % in the kernel, 8 % in libssl and 6 % in HAProxy itself, so none of our own code
  could be faster. No HAProxy setting changes that; the table below has what helped.
- **TCP on persistent connections** uses the same HAProxy as the older configurations and is as
  fast; nginx spends less on forwarding a small request.
- **HTTP mode on persistent connections** does more than the others: it compares the name of each
  request with that of the connection, removes forwarding headers sent by clients, and adds four
  fields. nginx and Caddy are measured without any of that. Without these rules, on this host, the
  same HAProxy handles a tenth more (12 rounds of one second with and without: 1.10, 1.06 to 1.18),
  which is still 0.87 of nginx; no single rule costs much, and no HAProxy setting
  (\`http-reuse\`, \`tune.maxpollevents\`, \`tune.runqueue-depth\`, \`tune.bufsize\`, zero-copy forwarding,
  low latency scheduling) made it faster by more than the noise of 4 %. A Host field with a port
  costs another tenth.

Alternatives that were measured on another host (AMD EPYC), per second of the proxy's core, medians
of three rounds in one run:

| | with | without |
| --- | --- | --- |
| sessions in memory instead of tickets with keys: full handshakes | 1,846 | 1,702 |
| the same: sessions resumed, of those that clients tried to resume | all | half |
| one ticket for a new client instead of two: full handshakes | 1,913 | 1,846 |
| \`http-reuse always\` (not used): full handshakes in HTTP mode | 1,948 | 1,720 |
| \`retry-on empty-response\`, which it would need (not used): requests of 1 kB, with a port in the Host field | 33,100 | 37,200 |`;

const CONNECTIONS = `A connection here is the whole exchange: TCP and TLS handshake, a connection to the app if the proxy
opens one for each client, a request, a response, and both closes. The table shows how much of it is
cryptography (\`openssl speed\`, below) and how much is the kernel, the rest of the TLS library and
the proxy. Today's clients offer X25519MLKEM768, which withstands quantum computers and costs more
than X25519; a proxy that does not support it therefore looks faster. A resumed session saves the
signature and the certificate, not the key agreement.`;

const REQUESTS = `A proxy that forwards bytes does less than one that reads requests: ours in HTTP mode also rewrites
the fields that describe the client to the app and checks that the name fits the connection. With
one connection, each request waits for the previous response, so the figure reflects the time of one
round trip, most of which is waking up processes; these readings use real-time scheduling.`;

const BULK = `Four connections download bodies of 64 MiB. The proxy copies each byte from the kernel, encrypts it,
and copies it back; encryption alone is far from the limit (AES-128-GCM, above).`;

const LATENCY = `Requests of 1 kB on 64 persistent connections at a fixed rate, the same for all: half of what the
slowest contender can handle. The times are a Poisson process, and the latency of a request counts
from the moment it was due, whether or not the connection was free: a server that stalls cannot hide
it by keeping the client from sending (no "coordinated omission"). Contender, client and app use
real-time scheduling, so that other programs on the host do not affect the result.`;

const MEMORY = `The proportional share (PSS) of all processes of the contender, started for this reading: after one
connection, and the growth after a thousand more connections have made one request each and stayed
open. Kernel buffers are not included.`;

const NAMES = `Each name has a certificate. Ours gets them one by one through the runtime API. HAProxy in the
older container's configuration reads a folder of PEM files and has a \`use_backend\` rule for each
name, which it evaluates in order. nginx has a server for each name, Caddy a site. The clients
request random names; for resumption, each loop has its own name; wrk requests the last name.`;
