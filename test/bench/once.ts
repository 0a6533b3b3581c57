import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { systemClock, until } from '../../src/clock.ts';
import { createLog } from '../../src/log.ts';
import type { Target } from '../../src/proxy/config/routes.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import { makeCertificate } from '../harness/ca/certificates.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { haproxyOfImage } from '../world/debian/debian-haproxy.ts';
import { freePort } from '../world/free-port.ts';
import { cpuSeconds, processTree } from './data-plane/accounting.ts';
import { median } from './statistics.ts';

/**
 * The cost in HAProxy of a separate connection to the app for each request that must be sent only
 * once: CPU time per request with such connections and with shared ones, measured alternately.
 */

const REQUESTS = 4_000;
const CLIENTS = 32;
const STREAMS = 10;
const NAME = 'app.example';

interface Case {
  readonly what: string;
  readonly target: Pick<Target, 'speaks' | 'tls'>;
  readonly app: 'h1' | 'h2' | 'tls';
  readonly client: 'h1' | 'h2';
}

const cases: readonly Case[] = [
  {
    what: 'POST over HTTP/1.1 to http://',
    target: { speaks: 'http/1.1', tls: false },
    app: 'h1',
    client: 'h1',
  },
  {
    what: 'POST over HTTP/2 to http://',
    target: { speaks: 'http/1.1', tls: false },
    app: 'h1',
    client: 'h2',
  },
  { what: 'call to grpc://', target: { speaks: 'h2', tls: false }, app: 'h2', client: 'h2' },
  { what: 'call to grpcs://', target: { speaks: 'h2', tls: true }, app: 'tls', client: 'h2' },
];

const rounds = Number(process.argv[2] ?? 5);
const folder = await mkdtemp(join(tmpdir(), 'bench-once-'));
try {
  const haproxy = process.env['HAPROXY_BIN'] ?? (await haproxyOfImage());
  await writeFile(join(folder, 'body'), 'x'.repeat(100));
  await using apps = await startApps();
  const bins = { own: haproxy, shared: await sharing(haproxy) };
  process.stdout.write(`${(await execa(haproxy, ['-v'])).stdout.split('\n')[0]}\n`);
  process.stdout.write(
    'microseconds of HAProxy’s core for each request: shared, own; own ÷ shared (least, most)\n',
  );
  for (const each of cases) {
    const readings: { shared: number; own: number }[] = [];
    for (let round = 0; round < rounds; round += 1)
      readings.push({
        shared: await measure(each, bins.shared, apps.ports[each.app]),
        own: await measure(each, bins.own, apps.ports[each.app]),
      });
    const ratios = readings.map(({ shared, own }) => own / shared);
    const of = (key: 'shared' | 'own') => median(readings.map((reading) => reading[key])).toFixed(0);
    const spread = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(1)).join('–');
    process.stdout.write(
      `${each.what.padEnd(32)} ${of('shared')}, ${of('own')}; ${median(ratios).toFixed(1)} (${spread})\n`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** An HAProxy without the option that opens a connection for each request. */
async function sharing(haproxy: string): Promise<string> {
  const program = join(folder, 'haproxy-sharing');
  const change = "sed -i 's/ max-reuse 0//; /option http-server-close/d'";
  await writeFile(
    program,
    `#!/bin/sh\nfor file; do [ ! -f "$file" ] || ${change} "$file"; done\nexec ${haproxy} "$@"\n`,
  );
  await chmod(program, 0o755);
  return program;
}

async function measure({ target, client }: Case, haproxyBin: string, appPort: number): Promise<number> {
  const [runtimeDir, port] = [await mkdtemp(join(folder, 'run-')), await freePort()];
  const whole = { host: '127.0.0.1', port: appPort, ...target };
  const proxy = await startProxy({
    ...{ haproxyBin, runtimeDir, port, threads: 1, maxconn: 4_096, drainMs: 100 },
    routes: [{ name: NAME, target: whole, alpn: ['h2', 'http/1.1'] }],
    timeouts: { connect: 10_000, client: 60_000, server: 60_000 },
    ...{ acceptProxy: false, sendProxy: 'off', upstreamTls: { verify: false }, evidencePort: undefined },
    ...{ clock: systemClock, log: createLog('silent'), warnOf: () => undefined },
  });
  try {
    await proxy.install(await testCertificate(NAME));
    if (proxy.pid === undefined) throw new Error('HAProxy has ended');
    const pids = processTree(proxy.pid);
    const before = cpuSeconds(pids);
    await sendRequests(port, client);
    return ((cpuSeconds(pids) - before) / REQUESTS) * 1e6;
  } finally {
    await proxy.stop();
  }
}

async function sendRequests(port: number, client: Case['client']): Promise<void> {
  const of = client === 'h1' ? ['--h1', '-m', '1'] : ['-m', String(STREAMS)];
  const { stdout } = await execa('h2load', [
    ...['-n', String(REQUESTS), '-c', String(CLIENTS), ...of, '-d', join(folder, 'body')],
    ...[`--connect-to=127.0.0.1:${port}`, `https://${NAME}:${port}/`],
  ]);
  if (!stdout.includes(` ${REQUESTS} 2xx`)) throw new Error(`h2load: ${stdout}`);
}

/** nginx, which responds to every request. */
async function startApps() {
  const [h1, h2, tls] = [await freePort(), await freePort(), await freePort()];
  const { chainPem, keyPem } = await makeCertificate({ names: ['inside.example'] });
  await writeFile(join(folder, 'app.pem'), `${chainPem}\n${keyPem}`);
  const pem = join(folder, 'app.pem');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const answering = (listen: string, more = '') =>
    `server { listen 127.0.0.1:${listen}; ${more} location / { return 200 "here"; } }`;
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000;
${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
${answering(String(h1))}
${answering(`${h2} http2`)}
${answering(`${tls} ssl http2`, `ssl_certificate ${pem}; ssl_certificate_key ${pem};`)} }`,
  );
  const nginx = execa('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { reject: false });
  const answers = () =>
    fetch(`http://127.0.0.1:${h1}/`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    );
  if (!(await until(answers, { clock: systemClock, timeoutMs: 10_000, everyMs: 50 })))
    throw new Error(`nginx did not start: ${(await nginx).stderr}`);
  return {
    ports: { h1, h2, tls },
    [Symbol.asyncDispose]: async () => {
      nginx.kill();
      await nginx;
    },
  };
}
