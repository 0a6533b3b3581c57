import * as types from '../../src/config/types.ts';
import { optional, required, withDefault } from '../../src/config/variable.ts';

/** Cloudflare's rows of the table of variables. */
export const variables = {
  token: required(types.secretText, {
    name: 'CLOUDFLARE_API_TOKEN',
    secret: true,
    help: 'API token with the permissions Zone / Zone / Read and Zone / DNS / Edit for the zone of the name. User tokens and account tokens both work; a Global API Key does not.',
    fix: 'Create a token at dash.cloudflare.com > My Profile > API Tokens (template "Edit zone DNS", plus Zone / Zone / Read) and set it in full.',
  }),
  zoneId: optional(
    types.text('32 hexadecimal digits', /^[0-9a-f]{32}$/, 'is not 32 hexadecimal digits in lower case'),
    {
      name: 'CLOUDFLARE_ZONE_ID',
      help: 'The zone to write to. Default: the longest zone that contains the name and that the token can see. If set, the token does not need Zone / Zone / Read.',
      fix: 'Copy the Zone ID from the overview page of the zone at dash.cloudflare.com, or remove the variable.',
    },
  ),
  baseUrl: withDefault(types.url, 'https://api.cloudflare.com/client/v4', {
    name: 'CLOUDFLARE_BASE_URL',
    help: "Another base URL of Cloudflare's API, for tests and private networks.",
    fix: 'Remove it.',
  }),
};
