import { access, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { archiveKeyring, debianMirror } from './debian-mirror.ts';

const SUITE = 'forky';
// 2.10 is the first with profiles, ARI, alreadyReplaced and dns-persist-01 together.
const OLDEST = [2, 10] as const;

/**
 * The path of a Pebble of version 2.10 or newer: from the cache folder, else from PATH, else fetched once into the cache
 * folder from Debian. Needs apt-get and dpkg-deb for the last; changes nothing outside the cache folder.
 * Rejects with what is missing.
 */
export async function findPebble(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dstack-ingress');
  return (await cachedPebble(cache)) ?? (await pebbleInPath()) ?? (await fetchPebble(cache));
}

async function cachedPebble(cache: string): Promise<string | undefined> {
  const folders = await readdir(cache).catch(() => []);
  for (const folder of folders) {
    const version = /^pebble-(.+)$/.exec(folder)?.[1];
    const path = join(cache, folder, 'usr/bin/pebble');
    if (version && isNewEnough(version) && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function pebbleInPath(): Promise<string | undefined> {
  const { stdout = '' } = await execa('pebble', ['-version'], { reject: false });
  const version = /Pebble version: v?(\S+)/.exec(stdout)?.[1];
  return version && isNewEnough(version) ? 'pebble' : undefined;
}

/** Whether a version such as `2.10.0` is new enough; one without numbers (a build of a developer) is not known to be. */
function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function fetchPebble(cache: string): Promise<string> {
  process.stderr.write(
    `==> fetching Pebble from Debian ${SUITE} into ${cache}; nothing else on this host changes\n`,
  );
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetching-'));
  try {
    const options = await privateApt(folder);
    await execa('apt-get', [...options, '-qq', 'update'], { cwd: folder });
    await execa('apt-get', [...options, '-qq', 'download', 'pebble'], { cwd: folder });
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
    const version = /^pebble_([\d.]+)/.exec(archive ?? '')?.[1];
    if (!archive || !version || !isNewEnough(version))
      throw new Error(`${SUITE} has ${archive ?? 'no pebble'}`);
    await execa('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: folder });
    const home = join(cache, `pebble-${version}`);
    // A rename is all or nothing; when another process was faster, its folder stays.
    await rename(join(folder, 'unpacked'), home).catch(() => undefined);
    const path = join(home, 'usr/bin/pebble');
    await access(path, constants.X_OK);
    return path;
  } catch (cause) {
    const wanted = `Pebble ${OLDEST.join('.')} or newer`;
    throw new Error(`${wanted} is neither in PATH nor could it be fetched from Debian ${SUITE}`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Options that make apt-get use a source list and state of its own inside `folder`, with the host's own proxy settings. */
async function privateApt(folder: string): Promise<string[]> {
  const keyring = await archiveKeyring();
  const signedBy = keyring ? `[signed-by=${keyring}] ` : '';
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(folder, 'sources.list'), `deb ${signedBy}${await debianMirror()} ${SUITE} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::Cache': join(folder, 'cache'),
    'Acquire::Languages': 'none',
    // apt's own user has no access to a cache folder inside a home.
    'APT::Sandbox::User': 'root',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  // Hooks of the host (such as those of Debian's container images) would clean the host's own lists and archives.
  await writeFile(
    join(folder, 'apt.conf'),
    `${lines.join('\n')}\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n`,
  );
  return ['-c', join(folder, 'apt.conf')];
}

if (import.meta.main) process.stdout.write(`${await findPebble()}\n`);
