import { join } from 'node:path';
import { startBind } from './bind.ts';
import type { PrimaryZone } from './bind-config.ts';
import type { KeyedZone, StartPrimaryServer } from './primary-server.ts';

export interface BindPrimaryOptions {
  /** Additional statements of the `options` block. */
  readonly options?: readonly string[];
  /** Replaces the statements with the keys' permissions. */
  readonly access?: readonly string[];
}

/** BIND. Its keys have no permissions on zones that do not name them, not even to query. */
export function bind({ options = [], access }: BindPrimaryOptions = {}): StartPrimaryServer {
  return async ({ directory, zones, keys }) => {
    const named = await startBind({
      directory: join(directory, 'named'),
      zones: zones.map((zone) => toBind(zone, access)),
      options: ['recursion no', ...options],
      keys,
    });
    return { ...named, addZone: (zone, more) => named.addZone(toBind(zone, access), more) };
  };
}

function toBind({ name, readers, writers }: KeyedZone, access: readonly string[] | undefined): PrimaryZone {
  const reading = readers.map((key) => `key "${key}";`).join(' ');
  const writing = writers.map((key) => `grant "${key}" zonesub ANY;`).join(' ');
  const usual = [
    `allow-query { ${reading} }`,
    `allow-transfer { ${reading} }`,
    `update-policy { ${writing} }`,
  ];
  return { name, servers: [{ label: 'ns1', address: '127.0.0.1' }], access: access ?? usual };
}
