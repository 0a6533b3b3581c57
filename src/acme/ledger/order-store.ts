import { createPrivateKey } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Secret } from '../../config/secret.ts';
import { readIfThere, writeAtomically } from '../../files.ts';
import { storeFailure } from '../../volume.ts';
import { directorySlug } from './directory-slug.ts';
import { makeDurableFolder } from './durable-folder.ts';

const privateKey = z.string().transform((pem) => {
  createPrivateKey(pem);
  return new Secret(pem);
});

const orderSchema = z
  .object({
    directoryUrl: z.string(),
    accountUrl: z.string(),
    names: z.array(z.string()).readonly(),
    profile: z.string().optional(),
    /** As in the ledger. */
    attempt: z.string(),
    /** Of the order (RFC 8555 §7.1.3). */
    url: z.string(),
    /** ISO 8601. */
    createdAt: z.string(),
    /** What stands, or is to stand, at the names of its challenges. */
    values: z
      .array(z.object({ domain: z.string(), name: z.string(), value: z.string() }).readonly())
      .readonly()
      .optional(),
    /** Of the certificate that is finalized: PKCS #8, in PEM. */
    keyPem: privateKey.optional(),
  })
  .readonly();

/** An order that has not led to a certificate yet. */
export type StoredOrder = z.infer<typeof orderSchema>;

/**
 * The order that is open for each certificate, so that a start goes on with it instead of making another one. Its private key
 * is stored before it is finalized: a crash before the download loses no certificate. These throw STORE_FAILED.
 */
export interface OrderStore {
  /** One that is damaged is moved aside and counts as none. */
  load(key: string): Promise<StoredOrder | undefined>;
  /** As `load`, and writes nothing. */
  peek(key: string): Promise<StoredOrder | undefined>;
  /** Resolves when it is on the disk. */
  save(key: string, order: StoredOrder): Promise<void>;
  remove(key: string): Promise<void>;
}

/**
 * One file for each certificate, which its key tells apart: a host name or a wildcard. With `directoryUrl` those of this certificate
 * authority stand by themselves, so that two of them can work on the same certificate.
 */
export function createOrderStore(root: string, directoryUrl?: string): OrderStore {
  const folder = join(
    root,
    'dstack-ingress',
    'orders',
    ...(directoryUrl === undefined ? [] : [directorySlug(directoryUrl)]),
  );
  const pathOf = (key: string) => join(folder, `${key.replaceAll('*', '_')}.json`);

  async function load(key: string): Promise<StoredOrder | undefined> {
    const path = pathOf(key);
    const text = await guarded('read', path, () => readIfThere(path));
    if (text === undefined) return undefined;
    const order = parse(text);
    if (!order) await guarded('move', path, () => rename(path, `${path}.damaged`));
    return order;
  }

  async function peek(key: string): Promise<StoredOrder | undefined> {
    const path = pathOf(key);
    const text = await guarded('read', path, () => readIfThere(path));
    return text === undefined ? undefined : parse(text);
  }

  return {
    load,
    peek,
    save: (key, order) =>
      guarded('write', pathOf(key), async () => {
        await makeDurableFolder(folder, root);
        const { keyPem } = order;
        const stored = { ...order, ...(keyPem && { keyPem: keyPem.reveal() }) };
        await writeAtomically(pathOf(key), `${JSON.stringify(stored, undefined, 2)}\n`, 0o600);
      }),
    remove: (key) => guarded('remove', pathOf(key), () => rm(pathOf(key), { force: true })),
  };
}

async function guarded<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw await storeFailure(`cannot ${verb} the open order ${path}`, path, thrown);
  }
}

function parse(text: string): StoredOrder | undefined {
  try {
    return orderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
