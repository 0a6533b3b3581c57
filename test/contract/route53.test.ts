import { route53Setup } from './route53-world.ts';
import { providerContract } from './suite.ts';

providerContract('Route 53', route53Setup);
