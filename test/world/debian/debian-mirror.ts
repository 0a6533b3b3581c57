import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const APT = '/etc/apt';
const SUITES = /^(stable|oldstable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky)$/;
const KEYRINGS = ['debian-archive-keyring.pgp', 'debian-archive-keyring.gpg'];

/** The Debian mirror in this host's own apt sources. Rejects if there is none. */
export async function debianMirror(): Promise<string> {
  const folder = join(APT, 'sources.list.d');
  const parts = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const file of [join(APT, 'sources.list'), ...parts]) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const mirror = file.endsWith('.sources') ? mirrorOfStanzas(text) : mirrorOfLines(text);
    if (mirror) return mirror;
  }
  throw new Error(`no Debian mirror in ${APT}/sources.list or ${folder}: does this host run Debian?`);
}

/** The keyring for Debian's suites, or undefined if apt's trusted keys have to suffice. */
export async function archiveKeyring(): Promise<string | undefined> {
  const folder = '/usr/share/keyrings';
  const files: string[] = await readdir(folder).catch(() => []);
  const keyring = KEYRINGS.find((name) => files.includes(name));
  return keyring && join(folder, keyring);
}

/** The deb822 format: stanzas of `Field: value` lines (sources.list(5)). */
function mirrorOfStanzas(text: string): string | undefined {
  for (const stanza of text.replaceAll(/^#.*\n?/gm, '').split(/\n\s*\n/)) {
    const field = (name: string) =>
      new RegExp(`^${name}:\\s*(.*(?:\\n\\s+.*)*)`, 'im').exec(stanza)?.[1]?.split(/\s+/) ?? [];
    const uri = field('URIs')[0];
    if (uri && field('Types').includes('deb') && isDebian(field('Suites'), field('Components'))) return uri;
  }
  return undefined;
}

/** The one-line format: `deb [options] uri suite component…`. */
function mirrorOfLines(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const [, uri, suite = '', components = ''] =
      /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line) ?? [];
    if (uri && isDebian([suite], components.split(/\s+/))) return uri;
  }
  return undefined;
}

function isDebian(suites: readonly string[], components: readonly string[]): boolean {
  return suites.some((suite) => SUITES.test(suite)) && components.includes('main');
}
