import { openLinode } from '../../providers/linode/provider.ts';
import { Secret } from '../../src/config/secret.ts';
import { createTestContext } from '../harness/dns/provider-context.ts';
import type { Call } from '../world/apis/api-fault.ts';
import { createLinode, type LinodeOptions, type LinodeSimulator } from '../world/apis/linode.ts';

/** An account with the domain example.com and a provider, for tests of Linode's quirks. */
export async function begin(options: Partial<LinodeOptions> = {}) {
  const context = createTestContext();
  const now = () => context.clock.now().getTime();
  const simulator = await createLinode({ zones: ['example.com'], now, ...options });
  const open = (token = simulator.token) =>
    openLinode({ token: new Secret(token), baseUrl: simulator.baseUrl, timeoutMs: 5000 }, context);
  const methods = () => simulator.calls.map(({ method }) => method);
  const dispose = () => simulator[Symbol.asyncDispose]();
  return { simulator, context, open, methods, provider: open(), [Symbol.asyncDispose]: dispose };
}

/** Simulates another client that acts just before the first matching call is carried out. */
export function actBefore(
  simulator: LinodeSimulator,
  matches: (call: Call) => boolean,
  act: () => void,
): void {
  let acted = false;
  const watch = (call: Call) => {
    if (acted || !matches(call)) return false;
    acted = true;
    act();
    return false;
  };
  simulator.failWhen(watch, { kind: 'reset' });
}
