/** What certbot noted in `renewal/<lineage>.conf` about where a certificate came from. Pure. */
export interface RenewalOrigin {
  /** The folder of the account below that of its server. */
  readonly account: string;
  readonly directoryUrl: string;
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
/** The first version of the protocol is gone; certbot goes on with the second where it finds this. */
const LETS_ENCRYPT_V1 = 'https://acme-v01.api.letsencrypt.org/directory';

/** Reads the section `[renewalparams]`; undefined when it names no account. */
export function readRenewalConf(text: string): RenewalOrigin | undefined {
  const params = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n')) {
    section = /^\s*(\[.*\])/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*["']?([^"'\s,#]+)/.exec(line) ?? [];
    if (section === '[renewalparams]' && key !== undefined && value !== undefined) params.set(key, value);
  }
  const account = params.get('account');
  const server = params.get('server') ?? LETS_ENCRYPT;
  if (account === undefined) return undefined;
  return { account, directoryUrl: server === LETS_ENCRYPT_V1 ? LETS_ENCRYPT : server };
}
