/** Generates the older container's HAProxy configuration. Pure. */

export interface OlderSite {
  readonly port: number;
  readonly app: { readonly host: string; readonly port: number };
  /** The port of its evidence files, which this benchmark does not use. */
  readonly evidencePort: number;
  /** A folder with one PEM file (chain and key) for each name. */
  readonly certificates: string;
  readonly names: readonly string[];
  /** For ssl-default-bind-curves, in order of preference. */
  readonly curves: readonly string[];
}

export const CURVES_2_3 = ['secp384r1'];
export const CURVES_2_6 = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'];

const CIPHERS =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';
const CIPHERSUITES = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

export function olderConfig(site: OlderSite): string {
  const { port, app, evidencePort, certificates, names, curves } = site;
  const server = `server app1 ${app.host}:${app.port}`;
  const backends = names.length < 2 ? ['be_upstream'] : names.map((_, index) => `be_${index}`);
  const rules =
    names.length < 2 ? [] : names.map((name, i) => `use_backend be_${i} if { ssl_fc_sni -i ${name} }`);
  return `global
  log stdout format raw local0
  maxconn 4096
  ssl-default-bind-ciphers ${CIPHERS}
  ssl-default-bind-ciphersuites ${CIPHERSUITES}
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
  ssl-default-bind-curves ${curves.join(':')}

defaults
  log global
  mode tcp
  option tcplog
  timeout connect 10s
  timeout client 86400s
  timeout server 86400s

frontend tls_in
  bind :${port} ssl crt ${certificates}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.len ge 16 }
  acl is_evidence payload(0,16) -m beg "GET /evidences"
  acl is_evidence payload(0,16) -m beg "HEAD /evidences"
  use_backend be_evidence if is_evidence
${[...rules, `default_backend ${backends[0]}`].map((line) => `  ${line}`).join('\n')}

${backends.map((name) => `backend ${name}\n  ${server}`).join('\n\n')}

backend be_evidence
  mode http
  http-request replace-path /evidences(.*) \\1
  server evidence 127.0.0.1:${evidencePort}
`;
}
