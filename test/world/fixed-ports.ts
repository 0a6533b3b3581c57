/** Ports of the CAs, each on an address of its own. */
export const FIXED_PORTS = { acme: 14_000, management: 15_000 } as const;
