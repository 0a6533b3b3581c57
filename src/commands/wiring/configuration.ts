import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { providers } from '../../../providers/registry.ts';
import { splitChain } from '../../certificates/certificate.ts';
import { lineageNames } from '../../certificates/lineage.ts';
import { type Config, loadConfig } from '../../config/config.ts';
import { ConfigError, describeFaults, type Fault, type ValueFault } from '../../config/faults.ts';
import { servedNames } from '../../config/served-names.ts';
import { type IngressSettings, variables } from '../../config/variables.ts';
import { baseName } from '../../dns/name.ts';
import { findGuestAgent, missingSocket } from '../../dstack/agent.ts';
import { identityFault } from '../../dstack/identity.ts';
import { systemErrorCode } from '../../errors.ts';

/** The configuration with one of our providers. */
export type IngressConfig = Config<(typeof providers)[number]>;

/** Reads the configuration; undefined after printing its errors. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): IngressConfig | undefined {
  try {
    return loadConfig(
      environment,
      (path) => readFileSync(path, 'utf8'),
      providers,
      (settings) => [...missingIdentity(settings), ...unusableCa(settings)],
    );
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(describeFaults(thrown));
    return undefined;
  }
}

// Only a first start fails: valid certificates on the volume are served without an identity.
function missingIdentity({
  appId,
  guestAgent,
  letsencryptDir,
  ...settings
}: Partial<IngressSettings>): Fault[] {
  if (appId !== undefined || findGuestAgent(guestAgent) || letsencryptDir === undefined) return [];
  const live = join(letsencryptDir, 'live');
  const stored = servedNames(settings).some(({ name }) => hasLineage(live, name));
  return stored ? [] : [identityFault(missingSocket(guestAgent))];
}

// With such a file HAProxy would not start.
function unusableCa({ targetCaFile }: Partial<IngressSettings>): Fault[] {
  if (targetCaFile === undefined) return [];
  const { name, fix } = variables.targetCaFile;
  const fault = whyNoCa(targetCaFile);
  return fault === undefined ? [] : [{ variable: name, fix, ...fault }];
}

/** Why a file cannot be used as TARGET_CA_FILE; undefined if it can. */
export function whyNoCa(path: string): ValueFault | undefined {
  try {
    const blocks = splitChain(readFileSync(path, 'utf8'));
    if (blocks.length === 0)
      return { kind: 'not-a-certificate', problem: `names a file without a PEM certificate: ${path}` };
    for (const block of blocks) new X509Certificate(block);
    return undefined;
  } catch (thrown) {
    // OpenSSL's message about a damaged certificate does not help.
    const code = systemErrorCode(thrown) ?? '';
    return /^E[A-Z]+$/.test(code)
      ? { kind: 'unreadable-file', problem: `names a file that cannot be read (${code}): ${path}` }
      : {
          kind: 'not-a-certificate',
          problem: `names a file with a certificate that cannot be parsed: ${path}`,
        };
  }
}

/** True also if the folder cannot be read: the certificate store reports that, with its path. */
function hasLineage(live: string, domain: string): boolean {
  try {
    return existsSync(live) && lineageNames(readdirSync(live), baseName(domain)).length > 0;
  } catch {
    return true;
  }
}
