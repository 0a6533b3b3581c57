import * as types from '../../src/config/types.ts';
import { required, withDefault } from '../../src/config/variable.ts';

/** Linode's rows of the table of variables. */
export const variables = {
  token: required(types.secretText, {
    name: 'LINODE_API_TOKEN',
    secret: true,
    help: 'Personal access token with the scope Domains: Read/Write. The token of a restricted user works if that user may write to the domain.',
    fix: 'Create a token at cloud.linode.com > your user name > API Tokens > Create a Personal Access Token (Domains: Read/Write, everything else No Access) and set it in full.',
  }),
  baseUrl: withDefault(types.url, 'https://api.linode.com/v4', {
    name: 'LINODE_BASE_URL',
    help: "Another base URL of Linode's API, for tests and private networks.",
    fix: 'Remove it.',
  }),
};
