import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { Secret } from '../../config/secret.ts';
import { createJsonFile, folderNameOf } from '../../volume.ts';

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
    /** The id of the attempt in the ledger. */
    attempt: z.string(),
    /** The order URL (RFC 8555 §7.4). */
    url: z.string(),
    /** ISO 8601. */
    createdAt: z.string(),
    /** The TXT values of its challenges, published or about to be. */
    values: z
      .array(z.object({ domain: z.string(), name: z.string(), value: z.string() }).readonly())
      .readonly()
      .optional(),
    /** The private key of the certificate, once it is about to be finalized: PKCS #8, in PEM. */
    keyPem: privateKey.optional(),
  })
  .readonly();

/** An order that has not led to a certificate yet. */
export type StoredOrder = z.infer<typeof orderSchema>;

/**
 * The open order of each certificate, so that a restart resumes it instead of creating another one.
 * Its private key is stored before the order is finalized, so that a crash before the download
 * loses no certificate. All methods throw STORE_FAILED.
 */
export interface OrderStore {
  /** A damaged file is moved aside, with a warning, and counts as none. */
  load(key: string): Promise<StoredOrder | undefined>;
  /** As `load`, but writes nothing. */
  peek(key: string): Promise<StoredOrder | undefined>;
  /** Resolves once durable. */
  save(key: string, order: StoredOrder): Promise<void>;
  remove(key: string): Promise<void>;
}

/**
 * The orders at the CA with this directory URL, one file for each certificate. The key that
 * identifies a certificate is a host name or a wildcard.
 */
export function createOrderStore(
  root: string,
  directoryUrl: string,
  warn: (message: string) => void,
): OrderStore {
  const folder = join(root, 'dstack-ingress', 'orders', folderNameOf(directoryUrl));
  const fileOf = (key: string) =>
    createJsonFile({
      path: join(folder, `${key.replaceAll('*', '_')}.json`),
      title: 'the open order ',
      parse: (value) => orderSchema.parse(value),
      loss: 'the order in it is not resumed',
      warn,
      durableBelow: root,
    });
  return {
    load: (key) => fileOf(key).load(),
    peek: (key) => fileOf(key).peek(),
    save(key, order) {
      const { keyPem } = order;
      return fileOf(key).save({ ...order, ...(keyPem && { keyPem: keyPem.reveal() }) });
    },
    remove: (key) => fileOf(key).remove(),
  };
}
