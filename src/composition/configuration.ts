import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { providers } from '../../providers/registry.ts';
import { lineageNames } from '../certificates/lineage.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { ConfigError, describeFaults, type Fault } from '../config/faults.ts';
import type { IngressSettings } from '../config/variables.ts';
import { baseName } from '../dns/names.ts';
import { findGuestAgent } from '../guest/agent.ts';
import { identityFault } from '../guest/identity.ts';

export type IngressConfig = Config<(typeof providers)[number]>;

/** The exit code for faults of the configuration: EX_CONFIG of sysexits.h. */
export const EX_CONFIG = 78;

/** The configuration, or undefined after its faults were printed. */
export function readConfig(): IngressConfig | undefined {
  try {
    return loadConfig(process.env, (path) => readFileSync(path, 'utf8'), providers, missingIdentity);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(describeFaults(thrown.faults));
    return undefined;
  }
}

// Only a first start is refused: what is valid on the volume is served whatever is missing now.
function missingIdentity({ appId, guestAgent, letsencryptDir, domain }: Partial<IngressSettings>): Fault[] {
  if (appId !== undefined || findGuestAgent(guestAgent)) return [];
  const stored =
    letsencryptDir !== undefined && domain !== undefined && hasLineage(join(letsencryptDir, 'live'), domain);
  return stored ? [] : [identityFault];
}

function hasLineage(live: string, domain: string): boolean {
  return existsSync(live) && lineageNames(readdirSync(live), baseName(domain)).length > 0;
}
