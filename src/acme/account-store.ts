import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { readRenewalConf } from '../certificates/renewal-conf.ts';
import type { Clock } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { IngressError } from '../errors.ts';
import { listIfThere, makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { createJsonFile, folderNameOf, orStoreFailed } from '../volume.ts';

/** An ACME account on the volume. */
export interface StoredAccount {
  /** PKCS #8, in PEM. */
  readonly keyPem: Secret;
  /** The account URL (RFC 8555 §7.3); undefined until a registration has been answered. */
  readonly url: string | undefined;
  /** The account's folder. */
  readonly path: string;
}

/**
 * The accounts at one CA, in certbot's layout, with one folder per directory URL:
 * `accounts/<server host>/<path>/<id>/{private_key.json,regr.json,meta.json}`.
 */
export interface AccountStore {
  /**
   * The account to use: preferably the one that certbot recorded in `renewal/<lineage>.conf` as the
   * certificate's, then a registered one, then one whose registration was interrupted. Undefined if
   * there is none. Ignores ended accounts, and damaged ones unless there is no other. Throws
   * STORE_FAILED.
   */
  load(): Promise<StoredAccount | undefined>;
  /**
   * Generates a key and stores it. Call it before registration, so that a crash leaves no account
   * without its key. Throws STORE_FAILED.
   */
  create(): Promise<StoredAccount>;
  /** Stores the URL and the account object of the CA's response. Throws STORE_FAILED. */
  register(account: StoredAccount, url: string, body: unknown): Promise<StoredAccount>;
  /**
   * Records that an account can no longer be used. Its files stay as they are. Throws STORE_FAILED.
   */
  markEnded(account: StoredAccount, reason: string): Promise<void>;
  /** When an account was last recorded as ended. Throws STORE_FAILED. */
  lastEndedAt(): Promise<Date | undefined>;
  /** The URLs of the ended accounts. Throws STORE_FAILED. */
  endedUrls(): Promise<readonly string[]>;
}

/** Hosts where certbot also looks: its early volumes have accounts only under the ACMEv1 host. */
const ACME_V1_HOSTS: Readonly<Record<string, string>> = {
  'acme-v02.api.letsencrypt.org': 'acme-v01.api.letsencrypt.org',
  'acme-staging-v02.api.letsencrypt.org': 'acme-staging.api.letsencrypt.org',
};

/** `lineages` gives the certificates' certbot lineages, in order of precedence. */
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
  const v1Host = ACME_V1_HOSTS[host];
  const folders = v1Host === undefined ? [folder] : [folder, folderOf(v1Host)];
  const endedAccounts = createEndedAccounts(root, directoryUrl, warn);
  return {
    load: () =>
      guarded('read', folder, async () => {
        const ended = new Set((await endedAccounts.list()).map(({ account }) => account));
        return load(folders, await recordedByCertbot(root, directoryUrl, await lineages()), ended);
      }),
    create: () => guarded('write', folder, () => create(folder, clock)),
    register: (account, url, body) =>
      guarded('write', account.path, async () => {
        await writeAtomically(join(account.path, 'regr.json'), JSON.stringify({ body, uri: url }), 0o644);
        return { ...account, url };
      }),
    markEnded: ({ path, url }, why) =>
      guarded('record the end of', path, () =>
        endedAccounts.add({
          ...{ account: basename(path), at: clock.now().toISOString(), why },
          ...(url === undefined ? {} : { url }),
        }),
      ),
    lastEndedAt: () =>
      guarded('read', folder, async () => {
        const times = (await endedAccounts.list()).map(({ at }) => Date.parse(at)).filter(Number.isFinite);
        return times.length === 0 ? undefined : new Date(Math.max(...times));
      }),
    endedUrls: () =>
      guarded('read', folder, async () => (await endedAccounts.list()).flatMap(({ url }) => url ?? [])),
  };
}

/**
 * The ids of this CA's accounts in certbot's renewal configurations, in the order of the lineages.
 */
async function recordedByCertbot(
  root: string,
  directoryUrl: string,
  lineages: readonly string[],
): Promise<string[]> {
  const texts = await Promise.all(
    // The file only sets a preference, so an unreadable one is ignored.
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
  ended: ReadonlySet<string>,
): Promise<StoredAccount | undefined> {
  const lists = await Promise.allSettled(
    folders.map(async (folder) => {
      const ids = (await listIfThere(folder)).filter((id) => !ended.has(id));
      return ids.sort().map((id) => join(folder, id));
    }),
  );
  const paths = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
  const loads = await Promise.allSettled(paths.map(loadOne));
  const found = loads.flatMap((load) => (load.status === 'fulfilled' && load.value ? [load.value] : []));
  const rank = ({ path, url }: StoredAccount) => {
    const preference = preferred.indexOf(basename(path));
    if (preference >= 0) return preference;
    return preferred.length + (url === undefined ? 1 : 0);
  };
  const [best] = found.sort((a, b) => rank(a) - rank(b));
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
  return { path, keyPem: parseKey(key, path), url: parseUrl(registration) };
}

function parseKey(text: string, path: string): Secret {
  try {
    const key = createPrivateKey({ key: JSON.parse(text), format: 'jwk' });
    return new Secret(String(key.export({ type: 'pkcs8', format: 'pem' })));
  } catch (cause) {
    // A SyntaxError may quote the key, so it is not kept as the cause.
    const file = join(path, 'private_key.json');
    const message = `the account key in ${file} cannot be parsed`;
    throw new IngressError('STORE_FAILED', message, {
      hint: `Restore it from a backup, or move ${path} away: the ingress then creates another account, and CAA records written with SET_CAA name that one.`,
      details: { path: file },
      ...(cause instanceof SyntaxError ? {} : { cause }),
    });
  }
}

/**
 * The stored account URL, verbatim; undefined if it cannot be read, because the CA then finds the
 * account by its key.
 */
function parseUrl(registration: string | undefined): string | undefined {
  try {
    const uri: unknown = registration === undefined ? undefined : JSON.parse(registration)?.uri;
    return typeof uri === 'string' ? uri : undefined;
  } catch {
    return undefined;
  }
}

async function create(folder: string, clock: Clock): Promise<StoredAccount> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // certbot names the folder after the public key, but accepts any unique name.
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

const endedAccountSchema = z
  .object({
    /** The name of the account's folder. */
    account: z.string(),
    /** The account URL, if it was known. */
    url: z.string().optional(),
    /** ISO 8601. */
    at: z.string(),
    /** Human-readable. */
    why: z.string(),
  })
  .readonly();

/**
 * The ended accounts at one CA, in our own file next to certbot's. Both methods throw STORE_FAILED.
 */
function createEndedAccounts(root: string, directoryUrl: string, warn: (message: string) => void) {
  const file = createJsonFile({
    path: join(root, 'dstack-ingress', 'accounts', `${folderNameOf(directoryUrl)}.json`),
    title: 'the list of ended accounts ',
    parse: (value) => z.array(endedAccountSchema).readonly().parse(value),
    loss: 'an ended account may be tried once more',
    warn,
  });
  return {
    list: async () => (await file.peek()) ?? [],
    async add(ended: z.infer<typeof endedAccountSchema>): Promise<void> {
      const others = ((await file.load()) ?? []).filter(({ account }) => account !== ended.account);
      await file.save([...others, ended]);
    },
  };
}
