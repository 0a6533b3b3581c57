import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { afterTest } from '../../harness/after-test.ts';
import { temporaryDirectory } from '../../harness/temporary-directory.ts';
import type { Environment } from '../ingress.ts';
import { openServer } from '../open-server.ts';
import { environmentWithFault, faulted, points, recordPoints } from './fault-points.ts';

/** A volume, and an environment for it. */
function volumeFor(t: TestContext) {
  const home = temporaryDirectory(t);
  const volume = join(home, 'letsencrypt');
  return { home, volume, environment: { PATH: process.env['PATH'] ?? '', LETSENCRYPT_DIR: volume } };
}

/** Runs a program that has its volume in `root`, and returns its output. */
async function run(environment: Environment, program: string) {
  const script = `
    import fs, { renameSync } from 'node:fs';
    import { appendFile, mkdir, open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
    const root = process.env.LETSENCRYPT_DIR;
    const say = ({ code, message }) => console.log(code, message.replaceAll(root, '…'));
    ${program}`;
  const { stdout, stderr, signal } = await execa(
    process.execPath,
    ['--input-type=module', '--eval', script],
    {
      env: environment,
      extendEnv: false,
      reject: false,
    },
  );
  return { said: stdout.split('\n').filter(Boolean), stderr, signal };
}

/** The same steps as in src/files.ts. */
const SAVE = `
  await mkdir(root, { recursive: true });
  const temporary = root + '/key.' + crypto.randomUUID() + '.tmp';
  const file = await open(temporary, 'wx', 0o600);
  try { await file.writeFile('0123456789'); await file.sync(); } finally { await file.close(); }
  await rename(temporary, root + '/key');
  const directory = await open(root, 'r');
  await directory.sync();
  await directory.close();
`;
const SAVED = [
  'mkdir . #1',
  'open key.*.tmp #1',
  'write key.*.tmp #1',
  'sync key.*.tmp #1',
  'rename key #1',
  'sync . #1',
];

test('every change of the volume is recorded once, in order, with the same labels in every run', async (t) => {
  const { volume, environment } = volumeFor(t);
  const recording = recordPoints(environment);
  for (let time = 0; time < 2; time += 1) {
    const { stderr } = await run(recording, SAVE);
    assert.equal(stderr, '');
    assert.deepEqual(points(recording), SAVED);
    assert.equal(readFileSync(join(volume, 'key'), 'utf8'), '0123456789');
  }
});

test('each way to change something counts once, also where Node.js implements it by other calls', async (t) => {
  const { environment } = volumeFor(t);
  const recording = recordPoints(environment);
  const { stderr } = await run(
    recording,
    `
    await mkdir(root + '/a/b', { recursive: true });
    await writeFile(root + '/a/file', 'x'); await appendFile(new URL('file://' + root + '/a/file'), 'y');
    await symlink('file', root + '/a/link'); await rm(root + '/a/b', { recursive: true });
    const handle = await open(root + '/a/file', 'r+');
    await handle.write('z'); await handle.appendFile('z'); await handle.truncate(1); await handle.datasync(); await handle.close();
    fs.writeFileSync(root + '/s', 'x'); fs.appendFileSync(root + '/s', 'x'); renameSync(root + '/s', root + '/t');
    const fd = fs.openSync(root + '/u', 'w'); fs.writeSync(fd, 'x'); fs.fsyncSync(fd); fs.closeSync(fd);
    fs.rmSync(root + '/a', { recursive: true });`,
  );
  assert.equal(stderr, '');
  assert.deepEqual(points(recording), [
    ...['mkdir a/b #1', 'writeFile a/file #1', 'appendFile a/file #1', 'symlink a/link #1', 'rm a/b #1'],
    ...['open a/file #1', 'write a/file #1', 'write a/file #2', 'truncate a/file #1', 'sync a/file #1'],
    ...['writeFile s #1', 'appendFile s #1', 'rename t #1'],
    ...['open u #1', 'write u #1', 'sync u #1', 'rm a #1'],
  ]);
});

test('reads, and changes elsewhere, do not count', async (t) => {
  const { home, environment } = volumeFor(t);
  const recording = recordPoints(environment);
  const { said } = await run(
    recording,
    `
    fs.mkdirSync(root); await writeFile('${home}/elsewhere', 'x');
    const fd = fs.openSync(root + '/../other', 'w'); fs.writeSync(fd, 'x'); fs.closeSync(fd);
    const inner = fs.openSync(root + '/inner', 'w'); fs.closeSync(inner);
    const again = fs.openSync('${home}/elsewhere', 'w'); fs.writeSync(again, 'x');
    console.log(inner === again, await readFile('${home}/other', 'utf8'));
    const file = await open(root + '/inner'); await file.readFile(); await file.close();`,
  );
  assert.deepEqual(said, ['true x']);
  assert.deepEqual(points(recording), ['mkdir . #1', 'open inner #1']);
});

test('requests of node:http and fetch count, with stable labels', async (t) => {
  const { base } = await serverFor(t);
  const { environment } = volumeFor(t);
  const recording = recordPoints(environment);
  const token = 'c1J8yDL4mESV0b7ekGVyttgoY_qUd-c_-K2AJDTBToM';
  await run(
    recording,
    `
    import { get } from 'node:http';
    await new Promise((done) => get('${base}/dir?a=1', (answer) => answer.resume().on('end', done)));
    await (await fetch('${base}/authZ/${token}', { method: 'POST', body: 'x' })).text();`,
  );
  assert.deepEqual(points(recording), ['GET /dir #1', 'POST /authZ/* #1']);
});

for (const [act, kept, texts] of [
  ['kill-before', [], []],
  ['kill-after', ['key'], ['0123456789']],
] as const) {
  test(`${act} ends the process at that point`, async (t) => {
    const { volume, environment } = volumeFor(t);
    const faulty = environmentWithFault(environment, { at: 'rename key #1', act });
    const { signal } = await run(faulty, SAVE);
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual(points(faulty), SAVED.slice(0, 5));
    assert.deepEqual(faulted(faulty), ['rename key #1']);
    const files = readdirSync(volume).filter((file) => !file.endsWith('.tmp'));
    assert.deepEqual(files, kept);
    assert.deepEqual(
      files.map((file) => readFileSync(join(volume, file), 'utf8')),
      texts,
    );
  });
}

for (const [act, ending, written] of [
  ['torn', undefined, '01234'],
  ['kill-torn', 'SIGKILL', '01234'],
  ['ENOSPC', undefined, ''],
] as const) {
  test(`${act} at a write`, async (t) => {
    const { volume, environment } = volumeFor(t);
    const faulty = environmentWithFault(environment, { at: 3, act });
    const { signal, said } = await run(faulty, `try { ${SAVE} } catch (thrown) { say(thrown); }`);
    assert.equal(signal, ending);
    assert.deepEqual(said, ending ? [] : ['ENOSPC ENOSPC: no space left on device, write']);
    const [file = ''] = readdirSync(volume);
    assert.equal(readFileSync(join(volume, file), 'utf8'), written);
    assert.deepEqual(faulted(faulty), ['write key.*.tmp #1']);
  });
}

for (const name of ['appendFile', 'fs.appendFileSync']) {
  test(`torn: a line that ${name} appends is cut in half`, async (t) => {
    const { volume, environment } = volumeFor(t);
    const faulty = environmentWithFault(environment, { at: 'appendFile ledger #2', act: 'torn' });
    const append = (text: string) => `await ${name}(root + '/ledger', '${text}');`;
    await run(faulty, `fs.mkdirSync(root); ${append('whole,')} ${append('halves')}`);
    assert.equal(readFileSync(join(volume, 'ledger'), 'utf8'), 'whole,hal');
  });
}

test('EROFS without `until` occurs once, with the error of Node.js', async (t) => {
  const { volume, environment } = volumeFor(t);
  const faulty = environmentWithFault(environment, { at: 'rename b #1', act: 'EROFS' });
  const { said } = await run(
    faulty,
    `
    await mkdir(root); await writeFile(root + '/a', 'x');
    const move = () => rename(root + '/a', root + '/b').catch((thrown) => { say(thrown); console.log(thrown.errno, thrown.path === root + '/a'); });
    await move(); await move();`,
  );
  assert.deepEqual(said, ["EROFS EROFS: read-only file system, rename '…/a' -> '…/b'", '-30 true']);
  assert.ok(existsSync(join(volume, 'b')));
});

test('a fault lasts until its end is signalled', async (t) => {
  const { home, environment } = volumeFor(t);
  const until = join(home, 'mended');
  const faulty = environmentWithFault(environment, { at: 'writeFile a #1', act: 'ENOSPC', until });
  const { said } = await run(
    faulty,
    `
    await mkdir(root);
    const write = (name) => writeFile(root + '/' + name, 'x').then(() => console.log(name), ({ code }) => console.log(name, code));
    await write('before'); await write('a'); await write('b'); await rm(root + '/before'); console.log(fs.existsSync(root + '/before'));
    fs.writeFileSync('${until}', ''); await write('b');`,
  );
  assert.deepEqual(said, ['before', 'a ENOSPC', 'b ENOSPC', 'false', 'b']);
  assert.deepEqual(faulted(faulty), ['writeFile a #1', 'writeFile b #1']);
});

for (const [act, reached] of [
  ['kill-before', 0],
  ['kill-after', 1],
] as const) {
  for (const how of ['get', 'fetch']) {
    test(`${act} at a request of ${how}: the server has seen ${reached}`, async (t) => {
      const { base, seen } = await serverFor(t);
      const { environment } = volumeFor(t);
      const faulty = environmentWithFault(environment, { at: 'GET /order #1', act });
      const ask =
        how === 'fetch'
          ? `await fetch('${base}/order')`
          : `await new Promise((done) => get('${base}/order', done))`;
      const { signal, said } = await run(
        faulty,
        `import { get } from 'node:http'; ${ask}; console.log('answered');`,
      );
      assert.equal(signal, 'SIGKILL');
      assert.deepEqual(said, []);
      assert.equal(seen(), reached);
    });
  }
}

test('a full or read-only disk allows calls that change nothing', async (t) => {
  const { home, environment } = volumeFor(t);
  const fault = { at: 'rm b #1', act: 'EROFS', until: join(home, 'mended') } as const;
  const { said } = await run(
    environmentWithFault(environment, fault),
    `
    await mkdir(root + '/a', { recursive: true }); await symlink('nowhere', root + '/link');
    const attempt = (what, done) => done.then(() => console.log(what), ({ code }) => console.log(what, code));
    await attempt('rm b', rm(root + '/b', { force: true })); await attempt('rm c', rm(root + '/c', { force: true }));
    await attempt('rm link', rm(root + '/link')); await attempt('mkdir a', mkdir(root + '/a', { recursive: true }));
    await attempt('mkdir d', mkdir(root + '/d'));`,
  );
  assert.deepEqual(said, ['rm b EROFS', 'rm c', 'rm link EROFS', 'mkdir a', 'mkdir d EROFS']);
});

test('an impossible fault is refused before anything runs', (t) => {
  const { home, environment } = volumeFor(t);
  const fault = (at: string, act: 'torn' | 'ENOSPC' | 'kill-after', until?: string) => () =>
    environmentWithFault(environment, { at, act, until });
  assert.throws(fault('rename key #1', 'torn'), /torn is impossible at rename key #1/);
  assert.throws(fault('POST /order-plz #1', 'ENOSPC'), /ENOSPC is impossible at POST/);
  assert.throws(fault('rename key #1', 'kill-after', home), /kill-after cannot last/);
  assert.throws(() => points(environment), /has no record/);
});

test('existing options of Node.js stay', (t) => {
  const { environment } = volumeFor(t);
  const { NODE_OPTIONS } = recordPoints({ ...environment, NODE_OPTIONS: '--no-warnings' });
  assert.match(NODE_OPTIONS ?? '', /^--no-warnings --import=file:/);
});

/** A server that responds to everything and counts its requests. */
async function serverFor(t: TestContext) {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    request.resume();
    response.end('x');
  });
  const open = await openServer(server, { host: '127.0.0.1', port: 0 });
  afterTest(t, () => open[Symbol.asyncDispose]());
  return { base: `http://127.0.0.1:${open.port}`, seen: () => count };
}
