import { Primary, type PrimaryOptions } from '../world/dns/primary.ts';
import { openAt } from './rfc2136-world.ts';

/** A primary of example.com and a provider for it, for a test of one quirk. */
export async function begin(options: Partial<PrimaryOptions> = {}) {
  const primary = await Primary.start({ zones: ['example.com'], ...options });
  const provider = openAt(primary);
  const zone = { id: 'example.com', name: 'example.com' };
  return { primary, provider, zone, [Symbol.asyncDispose]: () => primary[Symbol.asyncDispose]() };
}
