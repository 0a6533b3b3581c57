import { cloudflare } from './cloudflare/index.ts';
import type { ProviderDefinition } from './definition.ts';

/** Every provider of this program. A new one is a folder beside these and a line here. */
export const providers: readonly ProviderDefinition[] = [cloudflare];

/** The provider that DNS_PROVIDER names, whatever the case of its letters. */
export function findProvider(name: string): ProviderDefinition | undefined {
  return providers.find((provider) => provider.name === name.toLowerCase());
}
