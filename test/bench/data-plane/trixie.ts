import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { execa } from 'execa';
import { cacheFolder } from '../../image/engine.ts';
import { debianMirror } from '../../world/debian/debian-mirror.ts';

const OLDEST_MS = 7 * 86_400_000;
const PACKAGES = [
  ...['haproxy', 'nginx-light', 'libnginx-mod-stream', 'caddy', 'openssl', 'wrk'],
  ...['gcc', 'libc6-dev', 'libssl-dev'],
];

/**
 * The root file system of a Debian trixie with all measured and measuring programs, in the image's
 * versions. Created from this host's own mirror and kept for a week. Needs mmdebstrap and root.
 */
export async function trixieRoot(): Promise<string> {
  const path = join(cacheFolder, 'bench-trixie');
  const made = await stat(path).catch(() => undefined);
  if (made && Date.now() - made.mtimeMs < OLDEST_MS) return path;
  process.stderr.write('==> making a Debian trixie with the contenders by mmdebstrap\n');
  await mkdir(cacheFolder, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const source = `deb ${await debianMirror()} trixie main`;
    const include = `--include=${PACKAGES.join(',')}`;
    // Nothing starts a service: mmdebstrap has a policy-rc.d in its root.
    await execa('mmdebstrap', ['--quiet', '--variant=minbase', include, 'trixie', temporary, source]);
    await rm(path, { recursive: true, force: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
}
