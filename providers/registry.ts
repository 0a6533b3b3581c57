import { cloudflare } from './cloudflare/provider.ts';
import { linode } from './linode/provider.ts';
import { namecheap } from './namecheap/provider.ts';
import { rfc2136 } from './rfc2136/provider.ts';
import { route53 } from './route53/provider.ts';
import type { ProviderDefinition } from './shared/definition.ts';

/** Every provider of this program. A new one is a folder beside these and a line here. */
export const providers: readonly ProviderDefinition[] = [cloudflare, linode, namecheap, rfc2136, route53];
