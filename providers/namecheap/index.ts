import { defineProvider } from '../shared/definition.ts';
import { openNamecheap } from './provider.ts';
import { variables } from './variables.ts';

/** Namecheap (XML API, https://www.namecheap.com/support/api/methods/). */
export const namecheap = defineProvider({
  name: 'namecheap',
  title: 'Namecheap',
  variables,
  credentials: ['NAMECHEAP_API_KEY'],
  open: openNamecheap,
});
