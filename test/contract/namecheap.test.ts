import { namecheapSetup } from './namecheap-world.ts';
import { providerContract } from './suite.ts';

providerContract('Namecheap', namecheapSetup);
