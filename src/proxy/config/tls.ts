/** AEAD with ephemeral keys, for either kind of certificate key: Mozilla's "intermediate" without DHE. */
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

/** What TLS to clients, and to apps, is made of, as words for the global section. */
export const tlsDefaults: readonly string[] = [
  `ssl-default-bind-ciphers ${TLS12_CIPHERS}`,
  `ssl-default-bind-ciphersuites ${TLS13_CIPHERS}`,
  // ML-KEM came with OpenSSL 3.5; older ones refuse a list with a name that they do not know.
  '.if openssl_version_atleast(3.5.0)',
  `ssl-default-bind-curves X25519MLKEM768:${CURVES}`,
  '.else',
  `ssl-default-bind-curves ${CURVES}`,
  '.endif',
  // Not `prefer-client-ciphers`: from OpenSSL 3.5 on it would leave the curve to the client too. A client that puts
  // ChaCha20 first gets it all the same.
  'ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets',
  'ssl-default-server-options ssl-min-ver TLSv1.2',
];
