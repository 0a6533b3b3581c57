/**
 * certbot's `renewal/<lineage>.conf`: without it certbot neither lists a lineage nor renews it, and cannot even make another of its
 * name. Pure.
 */

/** Where a certificate came from, and so where its renewal comes from. */
export interface RenewalOrigin {
  /** The folder of the account below that of its server. */
  readonly account: string;
  readonly directoryUrl: string;
}

/** What certbot has to know of a lineage. */
export interface RenewalConf extends RenewalOrigin {
  /** The certificate volume, as an absolute path. */
  readonly root: string;
  readonly lineage: string;
  /** certbot's plugin for the challenge. */
  readonly authenticator: string;
  readonly keyType: 'ecdsa' | 'rsa';
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
/** The first version of the protocol is gone; certbot goes on with the second where it finds this. */
const LETS_ENCRYPT_V1 = 'https://acme-v01.api.letsencrypt.org/directory';

/** Reads the section `[renewalparams]`; undefined when it names no account. */
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
 * The file for a lineage, as certbot 2.1 to 5.5 read it. It names no version: certbot takes that of a newer one for a reason to
 * warn, and none for an old file.
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

/** ConfigObj takes a comma for a list and # for a comment, unless the value is quoted. */
function quoted(value: string): string {
  return /[,#'"]|^\s|\s$/.test(value) ? `"${value}"` : value;
}

/** Whether a file is to be written: it is empty, as certbot leaves it when it fails, or it is one of ours that says something else. */
export function isToBeWritten(text: string, wanted: RenewalConf): boolean {
  if (text.trim() === '') return true;
  const params = paramsOf(text);
  const said: RenewalConf = {
    ...wanted,
    account: params.get('account') ?? '',
    authenticator: params.get('authenticator') ?? '',
    directoryUrl: params.get('server') ?? '',
    keyType: params.get('key_type') === 'rsa' ? 'rsa' : 'ecdsa',
  };
  return text === renderRenewalConf(said) && text !== renderRenewalConf(wanted);
}
