import assert from 'node:assert/strict';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../test/harness/after-test.ts';
import { memoryLog } from '../../test/harness/memory-log.ts';
import { temporaryDirectory } from '../../test/harness/temporary-directory.ts';
import { startEvidenceServer } from './server.ts';

async function serving(t: TestContext) {
  const directory = temporaryDirectory(t);
  await writeFile(join(directory, 'quote.json'), '{}');
  await writeFile(join(directory, 'sha256sum.txt'), 'sum\n');
  await writeFile(join(directory, 'cert-*.example.com.pem'), 'pem\n');
  const { emit } = memoryLog();
  const server = await startEvidenceServer(directory, emit);
  afterTest(t, () => server[Symbol.asyncDispose]());
  return { directory, ask: (path: string, method = 'GET') => get(server.port, path, method) };
}

/** Sends the path unchanged: fetch would resolve `..` in it. */
async function get(port: number, path: string, method: string) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined;
    headers: Readonly<Record<string, unknown>>;
    body: string;
  }>();
  const sent = request({ host: '127.0.0.1', port, path, method }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
  });
  sent.on('error', reject).end();
  return await promise;
}

test('files are served with their type, to pages of any origin, and without caching', async (t) => {
  const { ask } = await serving(t);
  const quote = await ask('/evidences/quote.json?at=1');
  assert.equal(quote.status, 200);
  assert.equal(quote.body, '{}');
  assert.equal(quote.headers['content-type'], 'application/json');
  assert.equal(quote.headers['access-control-allow-origin'], '*');
  assert.equal(quote.headers['cache-control'], 'no-cache');
  assert.equal((await ask('/evidences/sha256sum.txt')).headers['content-type'], 'text/plain; charset=utf-8');
  assert.equal((await ask('/evidences/cert-*.example.com.pem')).body, 'pem\n');
  const head = await ask('/evidences/quote.json', 'HEAD');
  assert.deepEqual([head.status, head.body], [200, '']);
});

test('the directory lists its files, including those written since the start', async (t) => {
  const { ask, directory } = await serving(t);
  await writeFile(join(directory, 'later.json'), '1');
  await mkdir(join(directory, 'folder'));
  await writeFile(join(directory, '.hidden'), '');
  const listed = await ask('/evidences/');
  assert.equal(listed.body, 'cert-*.example.com.pem\nlater.json\nquote.json\nsha256sum.txt\n');
  assert.equal((await ask('/evidences')).headers['location'], '/evidences/');
  assert.equal((await ask('/evidences/later.json')).body, '1');
});

test('nothing outside the directory is served', async (t) => {
  const { ask, directory } = await serving(t);
  await symlink('/etc/passwd', join(directory, 'passwd'));
  await mkdir(join(directory, 'folder'));
  await writeFile(join(directory, 'folder', 'file'), 'x');
  await execa('mkfifo', [join(directory, 'pipe')]);
  const refused = [
    '../etc/passwd',
    '..',
    '.',
    '%2e%2e/x',
    'folder/file',
    'folder',
    'passwd',
    'pipe',
    'a\\b',
    '.x',
  ];
  for (const path of refused) assert.equal((await ask(`/evidences/${path}`)).status, 404, path);
});

test('large files, other methods and missing files are refused', async (t) => {
  const { ask, directory } = await serving(t);
  await writeFile(join(directory, 'large'), Buffer.alloc(1_048_577));
  assert.equal((await ask('/evidences/large')).status, 404);
  const post = await ask('/evidences/quote.json', 'POST');
  assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD']);
  await chmod(directory, 0o700);
  await rm(directory, { recursive: true });
  assert.equal((await ask('/evidences/')).body, '');
  assert.equal((await ask('/evidences/quote.json')).status, 404);
  await mkdir(directory);
});
