import { defineProvider } from '../shared/definition.ts';
import { openLinode } from './provider.ts';
import { variables } from './variables.ts';

/** Linode, of Akamai (API v4, https://techdocs.akamai.com/linode-api/reference/get-domains). */
export const linode = defineProvider({
  name: 'linode',
  title: 'Linode',
  variables,
  credentials: ['LINODE_API_TOKEN'],
  open: openLinode,
});
