import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { readRenewalConf } from '../certificates/renewal-conf.ts';
import type { Clock } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { IngressError } from '../errors.ts';
import { listIfThere, makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { orStoreFailed } from '../volume.ts';
import { createEndedAccounts } from './retired-accounts.ts';

/** An ACME account as it lies on the volume. */
export interface StoredAccount {
  /** PKCS #8, in PEM. */
  readonly keyPem: Secret;
  /** The account URL (RFC 8555 §7.3); undefined when the CA has not answered yet. */
  readonly url: string | undefined;
  /** Folder of this account. */
  readonly path: string;
}

/**
 * Accounts in certbot's layout, one folder for each directory URL:
 * `accounts/<server host>/<path>/<id>/{private_key.json,regr.json,meta.json}`.
 */
export interface AccountStore {
  /**
   * The account to use: first the one that the certificate came from, as certbot noted in `renewal/<lineage>.conf`, then
   * registered ones, then those whose registration was cut short; undefined when there is none. A damaged one stands in
   * nobody's way, and a retired one is none. Throws STORE_FAILED.
   */
  load(): Promise<StoredAccount | undefined>;
  /** Makes a key and stores it, before the CA hears of it, so that a crash leaves no account without its key. */
  create(): Promise<StoredAccount>;
  /** Remembers the account's URL. */
  register(account: StoredAccount, url: string, body: unknown): Promise<StoredAccount>;
  /** Notes that an account is not used any more; its files stay as they are. Throws STORE_FAILED. */
  markEnded(account: StoredAccount, why: string): Promise<void>;
  /** When an account was last retired. Throws STORE_FAILED. */
  lastEndedAt(): Promise<Date | undefined>;
  /** The URLs of those that were retired. Throws STORE_FAILED. */
  endedUrls(): Promise<readonly string[]>;
}

/** Where certbot goes on looking: volumes of its early years have accounts under the protocol's first version only. */
const EARLIER_HOSTS: Readonly<Record<string, string>> = {
  'acme-v02.api.letsencrypt.org': 'acme-v01.api.letsencrypt.org',
  'acme-staging-v02.api.letsencrypt.org': 'acme-staging.api.letsencrypt.org',
};

/** `lineages` names those of the certificate, the one that counts most first. */
export function createAccountStore(
  root: string,
  directoryUrl: string,
  clock: Clock,
  lineages: () => Promise<readonly string[]> = async () => [],
  warn: (message: string) => void = () => undefined,
): AccountStore {
  const { host, pathname } = new URL(directoryUrl);
  const folderOf = (name: string) => join(root, 'accounts', name, ...pathname.split('/').filter(Boolean));
  const folder = folderOf(host);
  const earlier = EARLIER_HOSTS[host];
  const folders = earlier === undefined ? [folder] : [folder, folderOf(earlier)];
  const retired = createEndedAccounts(root, directoryUrl, warn);
  return {
    load: () =>
      guarded('read', folder, async () => {
        const ended = new Set((await retired.all()).map(({ account }) => account));
        return load(folders, await noted(root, directoryUrl, await lineages()), ended);
      }),
    create: () => guarded('write', folder, () => create(folder, clock)),
    register: (account, url, body) =>
      guarded('write', account.path, async () => {
        await writeAtomically(join(account.path, 'regr.json'), JSON.stringify({ body, uri: url }), 0o644);
        return { ...account, url };
      }),
    markEnded: ({ path, url }, why) =>
      guarded('retire', path, () =>
        retired.add({
          ...{ account: basename(path), at: clock.now().toISOString(), why },
          ...(url === undefined ? {} : { url }),
        }),
      ),
    lastEndedAt: () =>
      guarded('read', folder, async () => {
        const moments = (await retired.all()).map(({ at }) => Date.parse(at)).filter(Number.isFinite);
        return moments.length === 0 ? undefined : new Date(Math.max(...moments));
      }),
    endedUrls: () =>
      guarded('read', folder, async () => (await retired.all()).flatMap(({ url }) => url ?? [])),
  };
}

/** The accounts of this CA that certbot noted, in the order of the lineages. */
async function noted(root: string, directoryUrl: string, lineages: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(
    // It only decides among accounts that are there: one that cannot be read is as good as none.
    lineages.map((name) => readIfThere(join(root, 'renewal', `${name}.conf`)).catch(() => undefined)),
  );
  return texts
    .flatMap((text) => (text === undefined ? [] : (readRenewalConf(text) ?? [])))
    .filter((origin) => origin.directoryUrl === directoryUrl)
    .map(({ account }) => account);
}

async function load(
  folders: readonly string[],
  preferred: readonly string[],
  retired: ReadonlySet<string>,
): Promise<StoredAccount | undefined> {
  const lists = await Promise.allSettled(
    folders.map(async (folder) => {
      const ids = (await listIfThere(folder)).filter((id) => !retired.has(id));
      return ids.sort().map((id) => join(folder, id));
    }),
  );
  const paths = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
  const loads = await Promise.allSettled(paths.map(loadOne));
  const found = loads.flatMap((load) => (load.status === 'fulfilled' && load.value ? [load.value] : []));
  const placeOf = ({ path, url }: StoredAccount) => {
    const noted = preferred.indexOf(basename(path));
    if (noted >= 0) return noted;
    return preferred.length + (url === undefined ? 1 : 0);
  };
  const [best] = found.sort((a, b) => placeOf(a) - placeOf(b));
  const failed = [...loads, ...lists].find((one) => one.status === 'rejected');
  if (best === undefined && failed) throw failed.reason;
  return best;
}

async function loadOne(path: string): Promise<StoredAccount | undefined> {
  const [key, registration] = await Promise.all([
    readIfThere(join(path, 'private_key.json')),
    readIfThere(join(path, 'regr.json')),
  ]);
  if (key === undefined) return undefined;
  return { path, keyPem: keyIn(key, path), url: urlIn(registration) };
}

function keyIn(text: string, path: string): Secret {
  try {
    const key = createPrivateKey({ key: JSON.parse(text), format: 'jwk' });
    return new Secret(String(key.export({ type: 'pkcs8', format: 'pem' })));
  } catch (cause) {
    // Its words may repeat the key.
    const sentence = `the account key in ${join(path, 'private_key.json')} cannot be parsed`;
    throw new IngressError('STORE_FAILED', sentence, {
      hint: `Restore it from a backup. Or move ${path} away: another account is made then, and CAA records of SET_CAA name it.`,
      ...(cause instanceof SyntaxError ? {} : { cause }),
    });
  }
}

/** The account's URL exactly as it stands there. A note that cannot be read is none: the CA finds the account by its key. */
function urlIn(registration: string | undefined): string | undefined {
  try {
    const uri: unknown = registration === undefined ? undefined : JSON.parse(registration)?.uri;
    return typeof uri === 'string' ? uri : undefined;
  } catch {
    return undefined;
  }
}

async function create(folder: string, clock: Clock): Promise<StoredAccount> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // certbot names the folder after the public key; any unique name will do for it and for us.
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  const path = join(folder, createHash('md5').update(spki).digest('hex'));
  await makeDirectory(path, 0o700);
  const meta = {
    creation_dt: `${clock.now().toISOString().slice(0, 19)}Z`,
    creation_host: hostname(),
    register_to_eff: null,
  };
  await writeAtomically(join(path, 'meta.json'), JSON.stringify(meta), 0o644);
  await writeAtomically(
    join(path, 'private_key.json'),
    JSON.stringify(privateKey.export({ format: 'jwk' })),
    0o600,
  );
  return {
    path,
    keyPem: new Secret(String(privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    url: undefined,
  };
}

function guarded<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  return orStoreFailed(`cannot ${verb} the account in ${path}`, path, work);
}
