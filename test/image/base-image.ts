import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { debianMirror } from '../world/debian/debian-mirror.ts';
import { cacheFolder } from './engine.ts';

/**
 * The base image where no registry can be reached. The name is unique because the image replaces
 * another one.
 */
export const BASE = 'dstack-ingress-test-base:trixie';

const DAY_MS = 86_400_000;
const OLDEST_MS = 7 * DAY_MS;

// Debian's own slim images omit these.
const LEFT_OUT = ['man', 'info', 'locale', 'doc', 'groff', 'lintian', 'linda'].map(
  (folder) => `path-exclude=/usr/share/${folder}/*`,
);
const DPKG = [...LEFT_OUT, 'path-include=/usr/share/doc/*/copyright', 'force-unsafe-io'];

/**
 * The path of a tar file with the root file system of a Debian trixie as small as the official slim
 * image, created from this host's own mirror and kept for a week. Needs mmdebstrap and root.
 */
async function baseArchive(): Promise<string> {
  const path = join(cacheFolder, 'base-trixie.tar');
  const made = await stat(path).catch(() => undefined);
  if (made && Date.now() - made.mtimeMs < OLDEST_MS) return path;
  process.stderr.write('==> making a stand-in for the base image debian:trixie-slim with mmdebstrap\n');
  await mkdir(cacheFolder, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp.tar`;
  try {
    const options = DPKG.map((option) => `--dpkgopt=${option}`);
    const source = `deb ${await debianMirror()} trixie main`;
    await execa('mmdebstrap', ['--quiet', '--variant=minbase', ...options, 'trixie', temporary, source]);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return path;
}

/**
 * A folder from which `FROM scratch, ADD` builds the base image, which every engine and buildah
 * support.
 */
export async function baseContext(): Promise<string> {
  const archive = await baseArchive();
  const context = join(cacheFolder, 'base');
  await mkdir(context, { recursive: true });
  await execa('ln', ['-f', archive, join(context, 'root.tar')]);
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD root.tar /\nCMD ["bash"]\n');
  return context;
}
