import { bind } from '../world/dns/bind-primary.ts';
import { refusals } from './rfc2136-refusals.ts';
import { rfc2136Setup } from './rfc2136-world.ts';
import { providerContract } from './suite.ts';

// BIND's default max-records-per-type.
providerContract(
  'RFC 2136: BIND',
  rfc2136Setup(bind(), {
    valuesPerName: 100,
    recordsPerZone: 3500,
    unknownTypes: true,
  }),
);
refusals('RFC 2136: BIND', bind(), { tellsClock: true, tellsKey: true });
