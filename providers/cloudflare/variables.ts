import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';

/** Cloudflare's rows of the table of variables. */
export const variables = {
  token: required(types.secretText, {
    name: 'CLOUDFLARE_API_TOKEN',
    secret: true,
    help: 'An API token with the permissions Zone / Zone / Read and Zone / DNS / Edit for the zone of the name. Tokens of a user and tokens of an account both work; a Global API Key does not.',
    fix: 'Make a token at dash.cloudflare.com > My Profile > API Tokens (template "Edit zone DNS", and add Zone / Zone / Read) and set it whole.',
  }),
  zoneId: optional(
    types.text('32 hexadecimal digits', /^[0-9a-f]{32}$/, 'is not 32 hexadecimal digits in lower case'),
    {
      name: 'CLOUDFLARE_ZONE_ID',
      help: 'The zone to write to. Default: the longest zone that the token can see and that holds the name. With it, the token can do without Zone / Zone / Read.',
      fix: 'Copy the Zone ID from the overview page of the zone at dash.cloudflare.com, or leave it out.',
    },
  ),
  baseUrl: withDefault(types.url, 'https://api.cloudflare.com/client/v4', {
    name: 'CLOUDFLARE_BASE_URL',
    help: "Another place of Cloudflare's API, for tests and private networks.",
    fix: 'Leave it out.',
  }),
};
