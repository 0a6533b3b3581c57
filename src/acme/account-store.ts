import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { Secret } from '../config/secret.ts';
import { IngressError, messageOf } from '../errors.ts';
import { isMissing, makeDirectory, readIfThere, writeAtomically } from '../files.ts';

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
  /** The registered account, else one whose registration was cut short, else undefined. Throws STORE_FAILED. */
  load(): Promise<StoredAccount | undefined>;
  /** Makes a key and stores it, before the CA hears of it, so that a crash leaves no account without its key. */
  create(): Promise<StoredAccount>;
  /** Remembers the account's URL. */
  register(account: StoredAccount, url: string, body: unknown): Promise<StoredAccount>;
}

export function createAccountStore(root: string, directoryUrl: string, clock: Clock): AccountStore {
  const { host, pathname } = new URL(directoryUrl);
  const folder = join(root, 'accounts', host, ...pathname.split('/').filter(Boolean));
  return {
    load: () => guarded('read', folder, () => load(folder)),
    create: () => guarded('write', folder, () => create(folder, clock)),
    register: (account, url, body) =>
      guarded('write', account.path, async () => {
        await writeAtomically(join(account.path, 'regr.json'), JSON.stringify({ body, uri: url }), 0o644);
        return { ...account, url };
      }),
  };
}

async function load(folder: string): Promise<StoredAccount | undefined> {
  const ids = await readdir(folder).catch((thrown: unknown) => {
    if (isMissing(thrown)) return [];
    throw thrown;
  });
  const loads = await Promise.allSettled(ids.sort().map((id) => loadOne(join(folder, id))));
  const found = loads.flatMap((load) => (load.status === 'fulfilled' && load.value ? [load.value] : []));
  const best = found.find(({ url }) => url !== undefined) ?? found[0];
  // A damaged folder does not stand in the way of a good one.
  const damaged = loads.find((load) => load.status === 'rejected');
  if (best === undefined && damaged) throw damaged.reason;
  return best;
}

async function loadOne(path: string): Promise<StoredAccount | undefined> {
  const [key, registration] = await Promise.all([
    readIfThere(join(path, 'private_key.json')),
    readIfThere(join(path, 'regr.json')),
  ]);
  if (key === undefined) return undefined;
  const keyPem = createPrivateKey({ key: JSON.parse(key), format: 'jwk' }).export({
    type: 'pkcs8',
    format: 'pem',
  });
  const uri: unknown = registration === undefined ? undefined : JSON.parse(registration)?.uri;
  return { path, keyPem: new Secret(String(keyPem)), url: typeof uri === 'string' ? uri : undefined };
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

async function guarded<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw new IngressError('STORE_FAILED', `cannot ${verb} the account in ${path}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}
