import type { Backend } from './backends.ts';
import { targetName } from './routes.ts';

/**
 * AEAD with ephemeral keys, for either kind of certificate key: Mozilla's "intermediate" profile
 * without DHE.
 */
const TLS12_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
const TLS13_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const CURVES = 'X25519:P-256:P-384';

/** For the global section: versions, ciphers and curves of TLS to clients and to apps. */
export const tlsSettings: readonly string[] = [
  `ssl-default-bind-ciphers ${TLS12_CIPHERS}`,
  `ssl-default-bind-ciphersuites ${TLS13_CIPHERS}`,
  // ML-KEM requires OpenSSL 3.5; earlier versions reject a list that contains an unknown name.
  '.if openssl_version_atleast(3.5.0)',
  `ssl-default-bind-curves X25519MLKEM768:${CURVES}`,
  '.else',
  `ssl-default-bind-curves ${CURVES}`,
  '.endif',
  // Without `prefer-client-ciphers`: from OpenSSL 3.5 on it would let the client choose the curve
  // too. A client that prefers ChaCha20 gets it anyway.
  'ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
  'ssl-default-server-options ssl-min-ver TLSv1.2',
];

/**
 * OpenSSL's configuration file (config(5)), for what haproxy.cfg cannot express: one ticket for a
 * new client instead of two. Each ticket costs a write and an entry in the session cache, and a
 * client that resumes gets a new one.
 */
export const OPENSSL_CONF = `openssl_conf = openssl
[openssl]
ssl_conf = ssl
[ssl]
system_default = everywhere
[everywhere]
NumTickets = 1
`;

const SESSION_LIFETIME_S = 3_600;
/** 230 bytes each. Every TLS 1.3 connection adds one, and the oldest is evicted. */
const SESSIONS = 10_000;

/**
 * For the global section. Sessions are kept in HAProxy's memory, and a client's ticket is the
 * identifier of one (RFC 8446 §4.6.1). So there is no ticket key to store, rotate or lose.
 * HAProxy's tickets with configured keys (`tls-ticket-keys`) are also not renewed on use, so
 * clients, which use each ticket once, resume only some of their connections.
 *
 * HAProxy also resumes a session for a client that sends a different SNI than in the full
 * handshake: versions before 3.2.23 always, later ones if the names share a certificate. In TLS 1.2
 * `ssl_fc_sni` is then the original name, and a TCP target would receive bytes that were meant for
 * another name's target. Nothing else in the stream reveals the name, so where this could happen no
 * session is cached.
 */
export function sessionCacheSettings(backends: readonly Backend[]): readonly string[] {
  if (!canShareSessions(backends)) return ['tune.ssl.cachesize 0'];
  return [`tune.ssl.cachesize ${SESSIONS}`, `tune.ssl.lifetime ${SESSION_LIFETIME_S}s`];
}

/**
 * Whether a resumed session cannot reach the wrong target: there is only one target, or every
 * request names its host again.
 */
function canShareSessions(backends: readonly Backend[]): boolean {
  const targets = new Set(backends.map(({ target }) => targetName(target)));
  return targets.size <= 1 || backends.every(({ kind }) => kind === 'http');
}
