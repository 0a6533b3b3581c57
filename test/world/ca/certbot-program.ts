import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unpackedPackages } from '../debian/debian-root.ts';

/**
 * The command line of certbot from another Debian suite. It runs with that suite's Python and
 * libraries, so this host may be older. Rejects with what is missing.
 */
export async function certbotOfSuite(suite: string): Promise<readonly string[]> {
  const root = await unpackedPackages(suite, ['certbot']);
  const [loader] = globSync('usr/lib/*/ld-linux*.so.*', { cwd: root });
  const [python] = globSync('usr/bin/python3.*', { cwd: root }).filter((path) => /\.\d+$/.test(path));
  if (!loader || !python) throw new Error(`no loader or no Python in ${root}`);
  const environment = [`PYTHONHOME=${join(root, 'usr')}`, 'PYTHONDONTWRITEBYTECODE=1'];
  const libraries = ['--library-path', join(root, dirname(loader))];
  return [
    ...['env', ...environment, join(root, loader), ...libraries],
    ...[join(root, python), join(root, 'usr/bin/certbot')],
  ];
}
