import { type NamecheapOptions, openNamecheap } from '../../providers/namecheap/provider.ts';
import type { ProviderContext } from '../../providers/shared/context.ts';
import { Secret } from '../../src/config/secret.ts';
import type { DnsProvider } from '../../src/dns/provider.ts';
import { createMemoryFiles, createTestContext } from '../harness/dns/provider-context.ts';
import { createNamecheap, type NamecheapSimulator } from '../world/apis/namecheap.ts';
import type { StoredZone } from '../world/apis/namecheap-zone.ts';
import { create, record, remove, soon } from './support.ts';

export const DOMAIN = 'example.com';
export const CHALLENGE = record('_acme-challenge.app.example.com', 'TXT', 'BEEFbeef-_0123', 60);

/** An account with one domain, and a provider for it with observable files and waits. */
export interface Account extends AsyncDisposable {
  readonly simulator: NamecheapSimulator;
  readonly stored: StoredZone;
  readonly provider: DnsProvider;
  readonly context: ReturnType<typeof createTestContext>;
  readonly files: ReturnType<typeof createMemoryFiles>;
  /** Another provider for the same account, without anything in memory. */
  open(options?: Partial<NamecheapOptions>, context?: ProviderContext): DnsProvider;
  /** Adds a TXT record as a challenge does, in a zone that was looked up before. */
  publish(): Promise<unknown>;
  /** The received commands, without their prefix. */
  commands(): string[];
}

export async function openAccount(): Promise<Account> {
  const simulator = await createNamecheap({ zones: [DOMAIN] });
  const { username, apiKey, clientIp, baseUrl } = simulator;
  const settings = {
    username,
    apiKey: new Secret(apiKey),
    clientIp,
    apiUser: undefined,
    sandbox: false,
    baseUrl,
  };
  const files = createMemoryFiles();
  const context = createTestContext(undefined, files);
  const open: Account['open'] = (options = {}, other = createTestContext()) =>
    openNamecheap({ ...settings, timeoutMs: 5000, ...options }, other);
  const provider = open({}, context);
  return {
    simulator,
    stored: simulator.zone(DOMAIN),
    provider,
    context,
    files,
    open,
    publish: () => provider.apply({ id: DOMAIN, name: DOMAIN }, create(CHALLENGE), soon()),
    commands: () => simulator.forms.map((form) => form.get('command')?.split('.').at(-1) ?? ''),
    [Symbol.asyncDispose]: () => simulator[Symbol.asyncDispose](),
  };
}

/** Adds and removes a challenge; returns the zone before, between and after. */
export async function comeAndGo({ simulator, provider, publish }: Account) {
  const before = simulator.snapshot(DOMAIN);
  await publish();
  const between = simulator.snapshot(DOMAIN);
  await provider.apply({ id: DOMAIN, name: DOMAIN }, remove(CHALLENGE), soon());
  return { before, between, after: simulator.snapshot(DOMAIN) };
}
