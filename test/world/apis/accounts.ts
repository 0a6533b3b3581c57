import type { ZonePublisher } from '../dns/publisher.ts';
import type { ApiSimulator } from './api-simulator.ts';
import { createCloudflare } from './cloudflare.ts';
import { createLinode } from './linode.ts';
import { createNamecheap } from './namecheap.ts';
import { createRoute53 } from './route53.ts';

/**
 * An account at a provider: its simulated API, and the environment that makes the ingress use it.
 */
export interface Account extends AsyncDisposable {
  readonly name: string;
  readonly api: ApiSimulator;
  readonly environment: Readonly<Record<string, string>>;
}

export interface AccountOptions {
  readonly zones: readonly string[];
  readonly publisher?: ZonePublisher;
}

/** Clears the variables of Cloudflare, so that the ingress has one provider's credentials only. */
const noCloudflare = { CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_BASE_URL: '' };

const accounts: Readonly<Record<string, (options: AccountOptions) => Promise<Omit<Account, 'name'>>>> = {
  async cloudflare(options) {
    const api = await createCloudflare(options);
    return own(api, { CLOUDFLARE_API_TOKEN: api.token, CLOUDFLARE_BASE_URL: api.baseUrl });
  },
  async linode(options) {
    const api = await createLinode(options);
    return own(api, { LINODE_API_TOKEN: api.token, LINODE_BASE_URL: api.baseUrl });
  },
  async namecheap(options) {
    const api = await createNamecheap(options);
    return own(api, {
      NAMECHEAP_USERNAME: api.username,
      NAMECHEAP_API_KEY: api.apiKey,
      NAMECHEAP_CLIENT_IP: api.clientIp,
      NAMECHEAP_BASE_URL: api.baseUrl,
    });
  },
  async route53(options) {
    const api = await createRoute53(options);
    return own(api, {
      AWS_ACCESS_KEY_ID: api.user.accessKeyId,
      AWS_SECRET_ACCESS_KEY: api.user.secretAccessKey,
      AWS_ENDPOINT_URL_ROUTE_53: api.baseUrl,
    });
  },
};

function own(api: ApiSimulator, environment: Account['environment']): Omit<Account, 'name'> {
  const dispose = () => api[Symbol.asyncDispose]();
  return { api, environment: { ...noCloudflare, ...environment }, [Symbol.asyncDispose]: dispose };
}

/** The providers whose API is simulated. */
export const accountNames: readonly string[] = Object.keys(accounts);

/** Opens an account with these zones. Rejects if the name is not one of `accountNames`. */
export async function openAccount(name: string, options: AccountOptions): Promise<Account> {
  const open = accounts[name];
  if (!open) throw new Error(`no simulated provider is named ${name}`);
  return { name, ...(await open(options)) };
}
