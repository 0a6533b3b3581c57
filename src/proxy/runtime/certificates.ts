import type { Secret } from '../../config/secret.ts';
import { protocol, servedName } from '../config/syntax.ts';
import { expectReply } from './commands.ts';
import type { RuntimeApi } from './runtime-api.ts';

export interface CrtListEntry {
  /** The certificate's name, `*.` included; it names the entry in HAProxy, not what the entry answers to. */
  readonly name: string;
  /** The names that it is shown for, and no others. */
  readonly names: readonly string[];
  /** Names that it is not shown for, although a wildcard among `names` stands for them. */
  readonly except: readonly string[];
  /** The application protocols that are offered with it (RFC 7301), the preferred one first. */
  readonly alpn: readonly string[];
  /** The certificate first, then its issuers. PEM. */
  readonly chainPem: string;
  /** The private key. PEM. */
  readonly keyPem: Secret;
}

export interface CrtList {
  /** As it stands in the configuration. */
  readonly path: string;
  /** The directory that entries pretend to be in; it need not exist. */
  readonly directory: string;
}

/**
 * Makes HAProxy serve a certificate for the names that are in it, at once and without a reload; connections that are
 * open stay open. The key goes through the socket only.
 *
 * Idempotent, and right also after a caller that died half way. HAProxy knows one transaction at a time, so calls must
 * not overlap. On failure, PROXY_COMMAND_FAILED, it goes on serving what it served.
 */
export async function installCertificate(
  socket: RuntimeApi,
  list: CrtList,
  files: CrtListEntry,
  signal?: AbortSignal,
): Promise<void> {
  const entry = entryName(list, files.name);
  const { known, open } = await entries(socket, signal);
  // An open transaction swallows what is meant for another entry: HAProxy 2.6 does not compare the names.
  if (open !== undefined) await abort(socket, open, signal);
  if (!known.has(entry))
    await expectReply(socket, `new ssl cert ${entry}`, /^New empty certificate/, { signal });
  const payload = withoutEmptyLines(`${files.chainPem}\n${files.keyPem.reveal()}`);
  try {
    await expectReply(socket, `set ssl cert ${entry}`, /^Transaction (created|updated) for/, {
      payload,
      signal,
    });
    await expectReply(socket, `commit ssl cert ${entry}`, /^Success!$/m, { signal });
  } catch (thrown) {
    // The failure is what matters; an abort that fails too is made up for by the next call.
    await abort(socket, entry, signal).catch(() => undefined);
    throw thrown;
  }
  const listed = await socket.send(`show ssl crt-list ${list.path}`, { signal });
  if (listed.split('\n').some((line) => line.split(' ')[0] === entry)) return;
  const line = listLine(entry, files);
  await expectReply(socket, `add ssl crt-list ${list.path}`, /^Success!$/m, { payload: line, signal });
}

function listLine(entry: string, { names, except, alpn }: CrtListEntry): string {
  const offer = alpn.length === 0 ? [] : [`[alpn ${alpn.map(protocol).join(',')}]`];
  return [entry, ...offer, ...names.map(servedName), ...except.map((name) => `!${servedName(name)}`)].join(
    ' ',
  );
}

/** `*` would be read by people as a pattern, so a wildcard gets the name that certbot users know from directories. */
function entryName({ directory }: CrtList, name: string): string {
  if (!/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(name)) {
    throw new RangeError(`not the name of a certificate: ${JSON.stringify(name)}`);
  }
  return `${directory}/${name.replace(/^\*\./, '_wildcard.')}.pem`;
}

interface Entries {
  readonly known: ReadonlySet<string>;
  /** The entry with an open transaction; there is one at most. */
  readonly open: string | undefined;
}

async function entries(socket: RuntimeApi, signal: AbortSignal | undefined): Promise<Entries> {
  const lines = (await socket.send('show ssl cert', { signal })).split('\n');
  const paths = lines.filter((line) => !line.startsWith('#'));
  return {
    known: new Set(paths.filter((path) => !path.startsWith('*'))),
    open: paths.find((path) => path.startsWith('*'))?.slice(1),
  };
}

async function abort(socket: RuntimeApi, entry: string, signal: AbortSignal | undefined): Promise<void> {
  const gone = /^(Transaction aborted|No ongoing transaction)/;
  await expectReply(socket, `abort ssl cert ${entry}`, gone, { signal });
}

function withoutEmptyLines(pem: string): string {
  return pem
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .join('\n');
}
