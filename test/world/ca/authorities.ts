import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTogether } from '../start-together.ts';
import { type AcmeFront, startAcmeFront } from './acme-front.ts';
import { type Pebble, type PebbleBehaviour, startPebble } from './pebble.ts';

export interface AuthorityOptions {
  /** The directory of its files, relative to the world's directory. */
  readonly name: string;
  /** The addresses of Pebble and of its front. */
  readonly address: string;
  readonly frontAddress: string;
  readonly behaviour: PebbleBehaviour;
}

/** A Pebble and the front before it. A test can use either. */
export interface Authority extends AsyncDisposable {
  readonly pebble: Pebble;
  readonly front: AcmeFront;
}

/** The world's CAs, in the requested order. */
export interface Authorities extends AsyncDisposable {
  readonly all: readonly Authority[];
  /** A PEM file with the trust anchors of all their APIs, for NODE_EXTRA_CA_CERTS. */
  readonly apiCaFile: string;
}

/** Starts them all. `dnsServer` is the resolver that they query, `address:port`. */
export async function startAuthorities(
  directory: string,
  dnsServer: string,
  options: readonly AuthorityOptions[],
): Promise<Authorities> {
  await using stack = new AsyncDisposableStack();
  const all = await startTogether(options.map((one) => startAuthority(directory, dnsServer, one)));
  for (const one of all) stack.use(one);
  const files = all.flatMap(({ pebble, front }) => [pebble.apiCaFile, front.apiCaFile]);
  const apiCaFile = join(directory, 'api-roots.pem');
  await writeFile(apiCaFile, (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join(''));
  const open = stack.move();
  return { all, apiCaFile, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

async function startAuthority(
  worldDirectory: string,
  dnsServer: string,
  { name, address, frontAddress, behaviour }: AuthorityOptions,
): Promise<Authority> {
  const directory = join(worldDirectory, name);
  await mkdir(directory, { recursive: true });
  const starting = startPebble({ directory, address, dnsServer, ...behaviour });
  const [pebble, front] = await startTogether([
    starting,
    startAcmeFront({ directory, address: frontAddress, behind: starting }),
  ]);
  return {
    ...{ pebble, front },
    async [Symbol.asyncDispose]() {
      await using stack = new AsyncDisposableStack();
      stack.use(pebble);
      stack.use(front);
    },
  };
}
