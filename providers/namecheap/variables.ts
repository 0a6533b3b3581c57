import { isIPv4 } from 'node:net';
import { quote } from '../../src/config/quote.ts';
import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';
import { API_ACCESS } from './errors.ts';

const userName = types.text(
  'user name',
  /^[A-Za-z0-9._@+-]{1,64}$/,
  'holds something else than letters, digits, ".", "_", "@", "+" and "-", or is longer than 64 characters',
);

const ipv4 = types.type('IPv4 address', (value) =>
  isIPv4(value) ? value : { wrong: `is not an IPv4 address: ${quote(value)}` },
);

/** Namecheap's rows of the table of variables. */
export const variables = {
  username: required(userName, {
    name: 'NAMECHEAP_USERNAME',
    help: 'The user name of the Namecheap account that holds the domain.',
    fix: 'Set the name with which you sign in at namecheap.com.',
  }),
  apiKey: required(types.secretText, {
    name: 'NAMECHEAP_API_KEY',
    secret: true,
    help: 'The API key of the account. It reaches the whole account; Namecheap has no keys that may do less.',
    fix: `Turn API access on and copy the key at ${API_ACCESS}.`,
  }),
  clientIp: required(ipv4, {
    name: 'NAMECHEAP_CLIENT_IP',
    help: 'The public IPv4 address from which this container reaches the internet. It has to be on the whitelist of the API key.',
    fix: `Set the address and add it at ${API_ACCESS} > Whitelisted IPs.`,
  }),
  apiUser: optional(userName, {
    name: 'NAMECHEAP_API_USER',
    help: 'The user that the API key belongs to, where that is not the account of the domain. Default: NAMECHEAP_USERNAME.',
    fix: 'Set the user name of the key, or leave it out.',
  }),
  sandbox: withDefault(types.flag, 'false', {
    name: 'NAMECHEAP_SANDBOX',
    help: "Uses Namecheap's sandbox (https://api.sandbox.namecheap.com), which has accounts, keys and domains of its own and serves no DNS. Without effect beside NAMECHEAP_BASE_URL.",
    fix: 'Set true or false.',
  }),
  baseUrl: optional(types.url, {
    name: 'NAMECHEAP_BASE_URL',
    help: "Another place of Namecheap's API, for tests and private networks; /xml.response is asked below it. Default: https://api.namecheap.com.",
    fix: 'Leave it out.',
  }),
};
