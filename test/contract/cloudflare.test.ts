import { cloudflareSetup } from './cloudflare-world.ts';
import { providerContract } from './suite.ts';

providerContract('Cloudflare', cloudflareSetup);
