import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startChild } from '../child.ts';
import { type InstalledProgram, installed } from '../debian/installed-program.ts';
import { freePort } from '../free-port.ts';
import type { TsigKey } from './bind-config.ts';
import {
  type KeyedZone,
  onFreePort,
  type PrimaryServer,
  type PrimaryServerOptions,
  type StartPrimaryServer,
} from './primary-server.ts';

const START_MS = 10_000;

export interface PowerDnsOptions {
  readonly program?: InstalledProgram;
  /** The zones' kind; `NATIVE` is PowerDNS's own default. */
  readonly kind?: 'NATIVE' | 'MASTER';
  /** Additional metadata of each zone, such as NOTIFY-DNSUPDATE. */
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
  /** Additional lines of pdns.conf. */
  readonly settings?: readonly string[];
}

/** PowerDNS with its SQLite backend: zones, keys and permissions are rows. */
export function powerDns(options: PowerDnsOptions = {}): StartPrimaryServer {
  return (setup) => onFreePort(() => startPowerDns(setup, options));
}

async function startPowerDns(
  { directory, zones, keys }: PrimaryServerOptions,
  { program = installed('pdns_server'), kind = 'NATIVE', metadata = {}, settings = [] }: PowerDnsOptions,
): Promise<PrimaryServer> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const path = join(directory, `${port}.sqlite3`);
  const schema = join(program.root, 'usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql');
  // The server locks the file occasionally, longest during its start.
  const database = new DatabaseSync(path, { timeout: START_MS });
  database.exec(await readFile(schema, 'utf8'));
  const rows = { kind, metadata };
  for (const key of keys) addKey(database, key);
  for (const zone of zones) addZone(database, zone, rows);
  await writeFile(
    join(directory, 'pdns.conf'),
    pdnsConfig(directory, port, path, [...modules(program), ...settings]),
  );
  const args = [...program.args, `--config-dir=${directory}`];
  const child = await startChild(program.command, { args, cwd: directory });
  const endpoint = { address: '127.0.0.1', port };
  const close = async () => {
    await child[Symbol.asyncDispose]();
    if (database.isOpen) database.close();
  };
  try {
    // At that line its sockets are open, and queries wait until it is ready.
    await child.seen(/Creating backend connection for TCP/, START_MS);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    endpoint,
    lines: child.lines,
    async addZone(zone, more) {
      for (const key of more) addKey(database, key);
      addZone(database, zone, rows);
    },
    [Symbol.asyncDispose]: close,
  };
}

interface Rows extends Required<Pick<PowerDnsOptions, 'kind' | 'metadata'>> {}

function addKey(database: DatabaseSync, { name, algorithm, secret }: TsigKey): void {
  database
    .prepare('INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)')
    .run(name, algorithm, secret);
}

/**
 * The zone with its SOA and name server, like zoneText(), and the metadata with the keys'
 * permissions.
 */
function addZone(
  database: DatabaseSync,
  { name, readers, writers }: KeyedZone,
  { kind, metadata }: Rows,
): void {
  const { lastInsertRowid: id } = database
    .prepare('INSERT INTO domains (name, type) VALUES (?, ?)')
    .run(name, kind);
  const add = database.prepare(
    'INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, ?, ?, 1, 1)',
  );
  add.run(id, name, 'SOA', `ns1.${name} hostmaster.${name} 1 3600 600 86400 1`);
  add.run(id, name, 'NS', `ns1.${name}`);
  add.run(id, `ns1.${name}`, 'A', '127.0.0.1');
  const grant = database.prepare('INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, ?, ?)');
  const all = { 'TSIG-ALLOW-AXFR': readers, 'TSIG-ALLOW-DNSUPDATE': writers, ...metadata };
  for (const [key, values] of Object.entries(all)) for (const value of values) grant.run(id, key, value);
}

/**
 * The path of its backends, which are libraries; by default it would search the host's directory.
 */
function modules({ libraries }: InstalledProgram): string[] {
  return libraries === undefined ? [] : [`module-dir=${join(libraries, 'pdns')}`];
}

function pdnsConfig(directory: string, port: number, path: string, more: readonly string[]): string {
  return [
    'launch=gsqlite3',
    `gsqlite3-database=${path}`,
    'gsqlite3-pragma-synchronous=0',
    'gsqlite3-dnssec=yes',
    'local-address=127.0.0.1',
    `local-port=${port}`,
    `socket-dir=${directory}`,
    'dnsupdate=yes',
    'allow-dnsupdate-from=127.0.0.0/8',
    // Zone transfers need a key.
    'allow-axfr-ips=',
    // A new zone is served at once.
    'zone-cache-refresh-interval=0',
    'negquery-cache-ttl=0',
    'security-poll-suffix=',
    'disable-syslog=yes',
    'loglevel=6',
    'receiver-threads=1',
    'distributor-threads=1',
    ...more,
    '',
  ].join('\n');
}
