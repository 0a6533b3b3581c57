const NEEDS_ALPN = 'it belongs to CHALLENGE_TYPE=tls-alpn-01, which this version does not have';
const NEEDS_SETUP = 'it belongs to DNS_SETUP_MODE, which this version does not have';
const NO_LEGO = 'this version does not use lego';

/**
 * Variables of older containers that can be ignored without harm, and why they have no effect.
 * Setting one is a warning.
 */
export const withoutEffect: Readonly<Record<string, string>> = {
  CLIENT_MAX_BODY_SIZE: 'bodies are not limited',
  PROXY_READ_TIMEOUT: 'use TIMEOUT_SERVER',
  PROXY_SEND_TIMEOUT: 'use TIMEOUT_CLIENT',
  PROXY_CONNECT_TIMEOUT: 'use TIMEOUT_CONNECT',
  PROXY_BUFFER_SIZE: 'buffers need no tuning',
  PROXY_BUFFERS: 'buffers need no tuning',
  PROXY_BUSY_BUFFERS_SIZE: 'buffers need no tuning',
  EVIDENCE_PORT: 'evidence is served at PORT, under /evidences/',
  TLSALPN_ADDRESS: NEEDS_ALPN,
  TLSALPN_PORT: NEEDS_ALPN,
  TLS_TERMINATE_PORT: NEEDS_ALPN,
  LEGO_BIN: NO_LEGO,
  LEGO_PATH: NO_LEGO,
  DELEGATION_PROPAGATION_SECONDS: 'every name server is checked instead; use DNS_PROPAGATION_TIMEOUT',
  DNS_SETUP_TIMEOUT: NEEDS_SETUP,
  DNS_SETUP_INTERVAL: NEEDS_SETUP,
  DNS_WEBHOOK_TOKEN: NEEDS_SETUP,
  DNS_WEBHOOK_TIMEOUT: NEEDS_SETUP,
  DNS_SETTLE_SECONDS: 'every name server is checked instead',
  CERTBOT_TIMEOUT: 'this version does not run certbot; use DNS_PROPAGATION_TIMEOUT for slow name servers',
  DOH_RESOLVERS: 'resolvers are queried over plain DNS; use DNS_RESOLVERS',
  DOH_RESOLVER: 'resolvers are queried over plain DNS; use DNS_RESOLVERS',
};
