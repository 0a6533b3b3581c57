/**
 * What HAProxy's OpenSSL is told where HAProxy has no word for it (config(5)): one ticket for a new client instead of two. Each
 * costs a write and a place among the sessions, and a client that resumes gets another one.
 */
export const OPENSSL_CONF = `openssl_conf = openssl
[openssl]
ssl_conf = ssl
[ssl]
system_default = everywhere
[everywhere]
NumTickets = 1
`;
