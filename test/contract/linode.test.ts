import { linodeSetup } from './linode-world.ts';
import { providerContract } from './suite.ts';

providerContract('Linode', linodeSetup);
