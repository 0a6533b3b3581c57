import { cloudflare } from './cloudflare/index.ts';
import { linode } from './linode/index.ts';
import { namecheap } from './namecheap/index.ts';
import { rfc2136 } from './rfc2136/index.ts';
import { route53 } from './route53/index.ts';
import type { ProviderDefinition } from './shared/definition.ts';

/** Every provider of this program. A new one is a folder beside these and a line here. */
export const providers: readonly ProviderDefinition[] = [cloudflare, linode, namecheap, rfc2136, route53];
