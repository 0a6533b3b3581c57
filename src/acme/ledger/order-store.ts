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
    /** As in the ledger. */
    attempt: z.string(),
    /** Of the order (RFC 8555 §7.1.3). */
    url: z.string(),
    /** ISO 8601. */
    createdAt: z.string(),
    /** The TXT values that answer its challenges, published or about to be. */
    values: z
      .array(z.object({ domain: z.string(), name: z.string(), value: z.string() }).readonly())
      .readonly()
      .optional(),
    /** Key of the certificate that is finalized: PKCS #8, in PEM. */
    keyPem: privateKey.optional(),
  })
  .readonly();

/** An order that has not led to a certificate yet. */
export type StoredOrder = z.infer<typeof orderSchema>;

/**
 * The open order of each certificate, so that a start resumes it instead of making another one. Its
 * private key is stored before the order is finalized: a crash before the download loses no
 * certificate. All of these throw STORE_FAILED.
 */
export interface OrderStore {
  /** A damaged one is moved aside, with a warning, and counts as none. */
  load(key: string): Promise<StoredOrder | undefined>;
  /** As `load`, but writes nothing. */
  peek(key: string): Promise<StoredOrder | undefined>;
  /** Resolves when it is on the disk. */
  save(key: string, order: StoredOrder): Promise<void>;
  remove(key: string): Promise<void>;
}

/**
 * The orders at the CA with this directory URL, one file for each certificate. The key that tells
 * certificates apart is a host name or a wildcard.
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
