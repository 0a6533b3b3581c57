import { defineProvider } from '../shared/definition.ts';
import { openCloudflare } from './provider.ts';
import { variables } from './variables.ts';

/** Cloudflare (API v4, https://developers.cloudflare.com/api/resources/dns/). */
export const cloudflare = defineProvider({
  name: 'cloudflare',
  title: 'Cloudflare',
  variables,
  credentials: ['CLOUDFLARE_API_TOKEN'],
  open: openCloudflare,
});
