import type { Secret } from '../../config/secret.ts';
import { protocol, servedName } from '../config/syntax.ts';
import { expectReply, type RuntimeApi } from './runtime-api.ts';

/** A certificate, and how HAProxy selects it. */
/** HAProxy's list of certificates (`crt-list`). */
export interface CrtListEntry {
  /**
   * The certificate's name, which may begin with `*.`. It names the entry in HAProxy and selects
   * nothing.
   */
  readonly name: string;
  /** The SNIs for which the certificate is presented. */
  readonly names: readonly string[];
  /** SNIs for which it is not presented, although a wildcard in `names` matches them. */
  readonly except: readonly string[];
  /**
   * The application protocols that are offered with it (ALPN, RFC 7301), the preferred one first.
   */
  readonly alpn: readonly string[];
  /** The end-entity certificate first, then its issuers. PEM. */
  readonly chainPem: string;
  /** The private key. PEM. */
  readonly keyPem: Secret;
}

export interface CrtList {
  /** The path in haproxy.cfg. */
  readonly path: string;
  /** The directory part of the entries' names; it need not exist. */
  readonly directory: string;
}

/**
 * Makes HAProxy present a certificate, at once and without a reload; open connections stay open.
 * The private key is sent through the runtime API only.
 *
 * Idempotent, even after a caller that was killed halfway. HAProxy has one transaction at a time,
 * so calls must not overlap. Throws PROXY_COMMAND_FAILED; then HAProxy still presents the previous
 * certificate.
 */
export async function installCertificate(
  api: RuntimeApi,
  list: CrtList,
  certificate: CrtListEntry,
  signal?: AbortSignal,
): Promise<void> {
  const entry = entryName(list, certificate.name);
  const { known, inTransaction } = await certificateEntries(api, signal);
  // HAProxy 2.6 does not compare names, so an open transaction would take the payload for another
  // entry.
  if (inTransaction !== undefined) await abortTransaction(api, inTransaction, signal);
  if (!known.has(entry))
    await expectReply(api, `new ssl cert ${entry}`, /^New empty certificate/, { signal });
  const payload = withoutEmptyLines(`${certificate.chainPem}\n${certificate.keyPem.reveal()}`);
  try {
    await expectReply(api, `set ssl cert ${entry}`, /^Transaction (created|updated) for/, {
      payload,
      signal,
    });
    await expectReply(api, `commit ssl cert ${entry}`, /^Success!$/m, { signal });
  } catch (thrown) {
    // Report the first failure. If the abort fails too, the next call repeats it.
    await abortTransaction(api, entry, signal).catch(() => undefined);
    throw thrown;
  }
  const listed = await api.send(`show ssl crt-list ${list.path}`, { signal });
  if (listed.split('\n').some((line) => line.split(' ')[0] === entry)) return;
  const line = crtListLine(entry, certificate);
  await expectReply(api, `add ssl crt-list ${list.path}`, /^Success!$/m, { payload: line, signal });
}

function crtListLine(entry: string, { names, except, alpn }: CrtListEntry): string {
  const options = alpn.length === 0 ? [] : [`[alpn ${alpn.map(protocol).join(',')}]`];
  return [entry, ...options, ...names.map(servedName), ...except.map((name) => `!${servedName(name)}`)].join(
    ' ',
  );
}

/** `*` looks like a pattern, so a wildcard certificate is named as certbot names its directory. */
function entryName({ directory }: CrtList, name: string): string {
  if (!/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)) {
    throw new RangeError(`not the name of a certificate: ${JSON.stringify(name)}`);
  }
  return `${directory}/${name.replace(/^\*\./, '_wildcard.')}.pem`;
}

interface CertificateEntries {
  readonly known: ReadonlySet<string>;
  /** The entry with an open transaction; there is at most one. */
  readonly inTransaction: string | undefined;
}

async function certificateEntries(
  api: RuntimeApi,
  signal: AbortSignal | undefined,
): Promise<CertificateEntries> {
  const lines = (await api.send('show ssl cert', { signal })).split('\n');
  const paths = lines.filter((line) => !line.startsWith('#'));
  return {
    known: new Set(paths.filter((path) => !path.startsWith('*'))),
    inTransaction: paths.find((path) => path.startsWith('*'))?.slice(1),
  };
}

async function abortTransaction(
  api: RuntimeApi,
  entry: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const success = /^(Transaction aborted|No ongoing transaction)/;
  await expectReply(api, `abort ssl cert ${entry}`, success, { signal });
}

function withoutEmptyLines(pem: string): string {
  return pem
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .join('\n');
}
