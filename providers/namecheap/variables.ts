import { isIPv4 } from 'node:net';
import { quote } from '../../src/config/quote.ts';
import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';
import { API_ACCESS } from './errors.ts';

const userName = types.text(
  'user name',
  /^[A-Za-z0-9._@+-]{1,64}$/,
  'is not 1 to 64 letters, digits, ".", "_", "@", "+" and "-"',
);

const ipv4 = types.type('IPv4 address', (value) =>
  isIPv4(value) ? value : { wrong: `is not an IPv4 address: ${quote(value)}` },
);

/** Namecheap's rows of the table of variables. */
export const variables = {
  username: required(userName, {
    name: 'NAMECHEAP_USERNAME',
    help: 'User name of the Namecheap account that owns the domain.',
    fix: 'Set the user name that you sign in with at namecheap.com.',
  }),
  apiKey: required(types.secretText, {
    name: 'NAMECHEAP_API_KEY',
    secret: true,
    help: 'API key of the account. It gives access to the whole account; Namecheap has no restricted keys.',
    fix: `Turn on API access and copy the key at ${API_ACCESS}.`,
  }),
  clientIp: required(ipv4, {
    name: 'NAMECHEAP_CLIENT_IP',
    help: 'Public IPv4 address from which this container reaches the internet. It must be on the whitelist of the API key.',
    fix: `Set the address and add it at ${API_ACCESS} > Whitelisted IPs.`,
  }),
  apiUser: optional(userName, {
    name: 'NAMECHEAP_API_USER',
    help: 'User that the API key belongs to, if that is not the account of the domain. Default: NAMECHEAP_USERNAME.',
    fix: 'Set the user name that the key belongs to, or remove it.',
  }),
  sandbox: withDefault(types.flag, 'false', {
    name: 'NAMECHEAP_SANDBOX',
    help: "Uses Namecheap's sandbox (https://api.sandbox.namecheap.com), which has its own accounts, keys and domains and serves no DNS. Has no effect together with NAMECHEAP_BASE_URL.",
    fix: 'Set true or false.',
  }),
  baseUrl: optional(types.url, {
    name: 'NAMECHEAP_BASE_URL',
    help: "Another base URL of Namecheap's API, for tests and private networks; requests go to /xml.response below it. Default: https://api.namecheap.com.",
    fix: 'Remove it.',
  }),
};
