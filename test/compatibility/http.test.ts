import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { startHttpApp } from '../harness/apps/http-app.ts';
import { httpRoutes, startServing } from '../harness/proxy/proxy.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';

const REQUESTS = 2_000;
const UPLOAD_BYTES = 20_000_000;

/** An app that echoes a body while it arrives. */
async function serve(t: TestContext): Promise<number> {
  const app = await startHttpApp(t, (request, response) => request.pipe(response));
  return (await startServing(t, httpRoutes(app))).port;
}

for (const version of ['1.1', '2'] as const) {
  test(`curl: 20 MB in both directions at once over HTTP/${version}`, async (t) => {
    const folder = temporaryDirectory(t);
    const port = await serve(t);
    const [sent, received] = [join(folder, 'sent'), join(folder, 'received')];
    await writeFile(sent, randomBytes(UPLOAD_BYTES));
    const { stdout } = await execa('curl', [
      ...['--silent', '--show-error', '--insecure', '--max-time', '60', `--http${version}`],
      ...['--resolve', `app.example:${port}:127.0.0.1`],
      ...['--upload-file', sent, '--output', received, '--write-out', '%{http_version} %{http_code}'],
      `https://app.example:${port}/`,
    ]);
    assert.equal(stdout, `${version} 200`);
    assert.ok((await readFile(received)).equals(await readFile(sent)));
  });
}

test(`h2load: ${REQUESTS} requests over ten connections, a hundred concurrent ones on each`, async (t) => {
  const port = await serve(t);
  const { stdout } = await execa('h2load', [
    ...['--clients=10', '--max-concurrent-streams=100', `--requests=${REQUESTS}`],
    ...[`--connect-to=127.0.0.1:${port}`, `https://app.example:${port}/`],
  ]);
  assert.match(stdout, /^Application protocol: h2$/m);
  const all = `${REQUESTS} total, ${REQUESTS} started, ${REQUESTS} done, ${REQUESTS} succeeded, 0 failed`;
  assert.ok(stdout.includes(`requests: ${all}, 0 errored, 0 timeout`), stdout);
});
