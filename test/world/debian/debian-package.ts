import { access, constants, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { archiveKeyring, debianMirror } from './debian-mirror.ts';

/**
 * A program that this host's own suite lacks in a recent enough version but another Debian suite
 * has.
 */
export interface DebianProgram {
  readonly suite: string;
  readonly package: string;
  /** The program's path in the package, for example `usr/bin/pebble`. */
  readonly program: string;
  /** The oldest usable version: major and minor. */
  readonly oldest: readonly [number, number];
}

/** The path of the program in the cache folder, or undefined if there is no usable version. */
export async function cachedProgram(wanted: DebianProgram): Promise<string | undefined> {
  const cache = cacheFolder();
  const folders: string[] = await readdir(cache).catch(() => []);
  for (const folder of folders) {
    const version = folder.startsWith(`${wanted.package}-`) ? folder.slice(wanted.package.length + 1) : '';
    const path = join(cache, folder, wanted.program);
    if (isNewEnough(version, wanted.oldest) && (await isExecutable(path))) return path;
  }
  return undefined;
}

/**
 * Downloads the program from Debian into the cache folder and returns its path. Needs apt-get and
 * dpkg-deb; changes nothing outside the cache folder. Rejects with what is missing.
 */
export async function fetchProgram(wanted: DebianProgram): Promise<string> {
  const cache = cacheFolder();
  const what = `${wanted.package} from Debian ${wanted.suite}`;
  process.stderr.write(`==> fetching ${what} into ${cache}; nothing else on this host changes\n`);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetching-'));
  try {
    const version = await unpack(wanted, folder);
    const home = join(cache, `${wanted.package}-${version}`);
    // A rename is atomic; if another process was faster, its folder stays.
    await rename(join(folder, 'unpacked'), home).catch(() => undefined);
    const path = join(home, wanted.program);
    await access(path, constants.X_OK);
    return path;
  } catch (cause) {
    throw new Error(`${what}, version ${wanted.oldest.join('.')} or newer, could not be fetched`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Whether a version such as `2.10.0` is recent enough; one without numbers (a developer's build) is
 * not.
 */
export function isNewEnough(version: string, oldest: DebianProgram['oldest']): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** The folder that keeps downloads from one run to the next. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dstack-ingress');
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Downloads the package and unpacks it into `unpacked` inside `folder`; returns its version without
 * Debian's revision.
 */
async function unpack(wanted: DebianProgram, folder: string): Promise<string> {
  const options = await privateApt(wanted.suite, folder);
  await execa('apt-get', [...options, '-qq', 'update'], { cwd: folder });
  await execa('apt-get', [...options, '-qq', 'download', `${wanted.package}/${wanted.suite}`], {
    cwd: folder,
  });
  const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  // <package>_[<epoch>%3a]<version>-<revision>_<architecture>.deb
  const version = /^[^_]+_(?:\d+%3a)?([\d.]+)/.exec(archive ?? '')?.[1];
  if (!archive || !version || !isNewEnough(version, wanted.oldest)) {
    throw new Error(`${wanted.suite} has ${archive ?? `no ${wanted.package}`}`);
  }
  await execa('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: folder });
  return version;
}

/**
 * Options that make apt-get use a source list and state inside `folder`, with the host's own proxy
 * settings.
 */
export async function privateApt(suite: string, folder: string): Promise<string[]> {
  const keyring = await archiveKeyring();
  const signedBy = keyring ? `[signed-by=${keyring}] ` : '';
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(folder, 'sources.list'), `deb ${signedBy}${await debianMirror()} ${suite} main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::Cache': join(folder, 'cache'),
    'Acquire::Languages': 'none',
    // A lagging mirror may serve a suite whose signature has expired.
    'Acquire::Check-Valid-Until': 'false',
    // apt's own user cannot access a cache folder in a home directory.
    'APT::Sandbox::User': 'root',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  // Hooks of the host (such as those of Debian's container images) would delete the host's own
  // lists and archives.
  await writeFile(
    join(folder, 'apt.conf'),
    `${lines.join('\n')}\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n`,
  );
  return ['-c', join(folder, 'apt.conf')];
}
