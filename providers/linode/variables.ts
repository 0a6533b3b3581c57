import * as types from '../../src/config/types.ts';
import { required, withDefault } from '../../src/config/variable.ts';

/** Linode's rows of the table of variables. */
export const variables = {
  token: required(types.secretText, {
    name: 'LINODE_API_TOKEN',
    secret: true,
    help: 'A personal access token with the scope Domains: Read/Write. One of a restricted user works when the user may write to the domain.',
    fix: 'Make a token at cloud.linode.com > your user name > API Tokens > Create a Personal Access Token (Domains: Read/Write, all else No Access) and set it whole.',
  }),
  baseUrl: withDefault(types.url, 'https://api.linode.com/v4', {
    name: 'LINODE_BASE_URL',
    help: "Another place of Linode's API, for tests and private networks.",
    fix: 'Leave it out.',
  }),
};
