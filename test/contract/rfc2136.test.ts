import { rfc2136Setup } from './rfc2136-world.ts';
import { providerContract } from './suite.ts';

providerContract('RFC 2136', rfc2136Setup);
