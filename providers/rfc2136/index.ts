import { defineProvider } from '../shared/definition.ts';
import { openRfc2136 } from './provider.ts';
import { variables } from './variables.ts';

/** Dynamic updates to a primary name server (RFC 2136), signed with TSIG (RFC 8945). */
export const rfc2136 = defineProvider({
  name: 'rfc2136',
  title: 'RFC 2136 (BIND, Knot, PowerDNS)',
  variables,
  credentials: ['RFC2136_TSIG_SECRET'],
  open: openRfc2136,
});
