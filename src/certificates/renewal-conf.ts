/**
 * certbot's `renewal/<lineage>.conf`. Without it certbot neither lists nor renews a lineage, and
 * cannot even create another one with the same name. Pure.
 */

/** The CA and account that issued a certificate and renew it. */
export interface RenewalOrigin {
  /** The name of the account's folder below that of its server. */
  readonly account: string;
  readonly directoryUrl: string;
}

/** The settings that certbot needs for a lineage. */
export interface RenewalConf extends RenewalOrigin {
  /** The certificate volume, as an absolute path. */
  readonly root: string;
  readonly lineage: string;
  /** certbot's plugin for the challenge. */
  readonly authenticator: string;
  readonly keyType: 'ecdsa' | 'rsa';
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
/** ACMEv1 no longer exists; certbot uses ACMEv2 if a file has this URL. */
const LETS_ENCRYPT_V1 = 'https://acme-v01.api.letsencrypt.org/directory';

/** Reads the section `[renewalparams]`; undefined if it has no account. */
export function readRenewalConf(text: string): RenewalOrigin | undefined {
  const params = paramsOf(text);
  const account = params.get('account');
  const server = params.get('server') ?? LETS_ENCRYPT;
  if (account === undefined) return undefined;
  return { account, directoryUrl: server === LETS_ENCRYPT_V1 ? LETS_ENCRYPT : server };
}

function paramsOf(text: string): Map<string, string> {
  const params = new Map<string, string>();
  let section = '';
  for (const line of text.split('\n')) {
    section = /^\s*(\[.*\])/.exec(line)?.[1] ?? section;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*["']?([^"'\s,#]+)/.exec(line) ?? [];
    if (section === '[renewalparams]' && key !== undefined && value !== undefined) params.set(key, value);
  }
  return params;
}

/**
 * Renders the file for a lineage, as certbot 2.1 to 5.5 read it. It names no version: certbot warns
 * about a version newer than itself, and does not require one.
 */
export function renderRenewalConf(conf: RenewalConf): string {
  const { root, lineage, account, authenticator, directoryUrl, keyType } = conf;
  const live = (part: string) => quoted(`${root}/live/${lineage}/${part}.pem`);
  return `# Written by dstack-ingress, so that certbot knows this certificate. It is yours to change.
archive_dir = ${quoted(`${root}/archive/${lineage}`)}
cert = ${live('cert')}
privkey = ${live('privkey')}
chain = ${live('chain')}
fullchain = ${live('fullchain')}

# Options used in the renewal process
[renewalparams]
account = ${account}
authenticator = ${authenticator}
server = ${directoryUrl}
key_type = ${keyType}
`;
}

/** ConfigObj reads a comma as a list separator and # as a comment, unless the value is quoted. */
function quoted(value: string): string {
  return /[,#'"]|^\s|\s$/.test(value) ? `"${value}"` : value;
}

/**
 * Whether to write the file: if it is empty, as certbot leaves it after a failure, or if we wrote
 * it with other values.
 */
export function isToBeWritten(text: string, wanted: RenewalConf): boolean {
  if (text.trim() === '') return true;
  const params = paramsOf(text);
  const current: RenewalConf = {
    ...wanted,
    account: params.get('account') ?? '',
    authenticator: params.get('authenticator') ?? '',
    directoryUrl: params.get('server') ?? '',
    keyType: params.get('key_type') === 'rsa' ? 'rsa' : 'ecdsa',
  };
  return text === renderRenewalConf(current) && text !== renderRenewalConf(wanted);
}
