import {
  type CertificateBundle,
  type CertificateFacts,
  type CertificateNames,
  whyUnusable,
} from '../certificates/certificate.ts';
import { endingOf } from '../certificates/renewal/ending.ts';
import { stopwatch } from '../clock.ts';
import { isIngressError } from '../errors.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import type { Report } from './report.ts';
import { warnOfVolume } from './unwritable.ts';

type InstallDeps = Pick<Deps, 'spec' | 'store' | 'serve' | 'clock' | 'emit'>;

/** A certificate as loaded from the volume. */
export interface LoadedCertificate {
  readonly certificate: ManagedCertificate;
  /** Undefined if there is none, or if its files do not match. */
  readonly stored: CertificateBundle | undefined;
}

/**
 * Loads and serves the stored certificate. Reports a failure of either step; returns a loaded
 * certificate even if it cannot be served.
 */
export async function loadAndServe(
  deps: Deps,
  report: Report,
  certificate: ManagedCertificate,
): Promise<LoadedCertificate | undefined> {
  const loaded = await report.shared('certificate on the volume', [certificate], () =>
    loadStored(deps, certificate),
  );
  await report.shared('serving', [certificate], () => install(deps, report, certificate, loaded?.stored));
  return loaded;
}

/**
 * Loads the certificate that is stored, or that was issued but not stored yet. Files that do not
 * match count as no certificate, so that one is ordered. Warns if a new certificate could not be
 * stored. Throws STORE_FAILED.
 */
async function loadStored(deps: Deps, certificate: ManagedCertificate): Promise<LoadedCertificate> {
  await warnOfVolume(deps, certificate);
  if (certificate.state.unsaved) await saveUnsaved(deps, certificate);
  const stored = certificate.state.unsaved?.bundle ?? (await loadUsable(deps, certificate));
  if (stored) rememberLoaded(deps, certificate, stored.facts, deps.clock.now());
  return { certificate, stored };
}

async function loadUsable(
  { store, emit }: InstallDeps,
  { names }: ManagedCertificate,
): Promise<CertificateBundle | undefined> {
  try {
    return await store.load(names);
  } catch (thrown) {
    if (!isIngressError(thrown, 'CERTIFICATE_UNUSABLE')) throw thrown;
    emit({ type: 'certificate-unusable', certificate: names, error: thrown });
    return undefined;
  }
}

/**
 * Remembers a loaded certificate. The first load of a process also reports one that has expired: it
 * is not served, which nothing else would report before the end of the run.
 */
export function rememberLoaded(
  { emit }: Pick<InstallDeps, 'emit'>,
  { names, state }: ManagedCertificate,
  facts: CertificateFacts,
  now: Date,
): void {
  const isFirst = state.latest === undefined;
  state.latest = facts;
  const ending = isFirst ? endingOf(facts, now) : undefined;
  if (ending?.stage !== 'expired') return;
  const { serial, notAfter } = facts;
  emit({ type: 'certificate-expired', certificate: names, serial, notAfter, words: ending.words });
}

/**
 * Stores an issued certificate. One that cannot be stored is remembered, and served nevertheless.
 */
export async function saveUnsaved(
  { store }: Pick<InstallDeps, 'store'>,
  { names, state }: ManagedCertificate,
): Promise<void> {
  if (!state.unsaved) return;
  const { bundle, complete } = state.unsaved;
  try {
    await store.save(names, bundle);
    await complete();
    state.unsaved = undefined;
  } catch (failure) {
    state.unsaved = { bundle, complete, failure };
  }
}

/**
 * Installs a certificate in the proxy for each of its names, unless the proxy serves it already. A
 * name that the certificate lacks, because it was added later, is served with the certificate that
 * is stored for that name alone, if there is one. Reports the failure of each name, and throws the
 * first: PROXY_* errors and HANDSHAKE_FAILED.
 */
export async function install(
  deps: InstallDeps,
  report: Report,
  certificate: ManagedCertificate,
  bundle: CertificateBundle | undefined,
): Promise<void> {
  const failures: unknown[] = [];
  for (const name of certificate.names) {
    try {
      const own = await bundleFor(deps, certificate.names, name, bundle);
      if (own) await installFor(deps, certificate, name, own);
    } catch (failure) {
      failures.push(failure);
    }
  }
  for (const failure of failures) report.fail(certificate, 'serving', failure);
  if (failures.length > 0) throw failures[0];
}

async function bundleFor(
  deps: InstallDeps,
  names: CertificateNames,
  name: string,
  bundle: CertificateBundle | undefined,
): Promise<CertificateBundle | undefined> {
  if (bundle && isServable(deps, bundle, [name])) return bundle;
  const alone = names.length > 1 ? await deps.store.peek([name]).catch(() => undefined) : undefined;
  return alone && isServable(deps, alone, [name]) ? alone : undefined;
}

function isServable(
  { spec, clock }: InstallDeps,
  bundle: CertificateBundle,
  names: CertificateNames,
): boolean {
  return whyUnusable(bundle.facts, { names, noStaging: spec.noStaging }, clock.now()) === undefined;
}

async function installFor(
  { serve, clock, emit }: InstallDeps,
  { names: certificate, state }: ManagedCertificate,
  name: string,
  bundle: CertificateBundle,
): Promise<void> {
  const { dropped } = bundle;
  const { serial, fingerprint256, notAfter } = bundle.facts;
  if (state.served.get(name) === fingerprint256) return;
  if (dropped.length > 0 && ![...state.served.values()].includes(fingerprint256))
    emit({ type: 'chain-cleaned', certificate, dropped: dropped.map(({ words }) => words) });
  const elapsed = stopwatch(clock);
  await serve(name, bundle);
  state.served.set(name, fingerprint256);
  emit({ type: 'serving', certificate, name, serial, notAfter, seconds: elapsed() });
}
