import { type CertificateBundle, type Names, whyUnusable } from '../certificates/certificate.ts';
import { isIngressError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Deps, ManagedCertificate } from './deps.ts';
import { stopwatch } from './stopwatch.ts';

type ServingParts = Pick<Deps, 'spec' | 'store' | 'serve' | 'clock' | 'emit'>;

/**
 * What is stored, or was issued and is not stored yet. Files that fit nobody count as no certificate, so that one is
 * ordered. Throws STORE_FAILED.
 */
export async function findCertificate(
  parts: ServingParts,
  kept: ManagedCertificate,
): Promise<CertificateBundle | undefined> {
  if (kept.state.unsaved) await saveUnsaved(parts, kept);
  return kept.state.unsaved?.bundle ?? (await loadUsable(parts, kept));
}

async function loadUsable(
  { store, emit }: ServingParts,
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

/** Stores what was issued. A volume that does not take it is remembered, and the certificate served all the same. */
export async function saveUnsaved(
  { store }: ServingParts,
  { names, state }: ManagedCertificate,
): Promise<void> {
  if (!state.unsaved) return;
  const { bundle, conclude } = state.unsaved;
  try {
    await store.save(names, bundle);
    await conclude();
    state.unsaved = undefined;
  } catch (failure) {
    state.unsaved = { bundle, conclude, failure };
  }
}

/**
 * Hands a certificate to the proxy for each of its names, unless it has it already. A name that it is not for, because it
 * was added since, is served with what is stored for that name alone, if anything is. Throws PROXY_* errors and
 * HANDSHAKE_FAILED.
 */
export async function serve(
  parts: ServingParts,
  kept: ManagedCertificate,
  bundle: CertificateBundle | undefined,
): Promise<void> {
  const failures: unknown[] = [];
  for (const name of kept.names) {
    try {
      const own = await ownOf(parts, kept.names, name, bundle);
      if (own) await serveOne(parts, kept, name, own);
    } catch (failure) {
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
}

async function ownOf(
  parts: ServingParts,
  names: Names,
  name: string,
  bundle: CertificateBundle | undefined,
): Promise<CertificateBundle | undefined> {
  if (bundle && isServable(parts, bundle, [name])) return bundle;
  const alone = names.length > 1 ? await parts.store.peek([name]).catch(() => undefined) : undefined;
  return alone && isServable(parts, alone, [name]) ? alone : undefined;
}

/** Whether a certificate can be served for these names now. */
function isServable({ spec, clock }: ServingParts, bundle: CertificateBundle, names: Names): boolean {
  return whyUnusable(bundle.facts, { names, noStaging: spec.noStaging }, clock.now()) === undefined;
}

async function serveOne(
  { serve: install, clock, emit }: ServingParts,
  { names, state }: ManagedCertificate,
  domain: string,
  bundle: CertificateBundle,
): Promise<void> {
  const { serial, fingerprint256, notAfter } = bundle.facts;
  if (state.served.get(domain) === fingerprint256) return;
  if (![...state.served.values()].includes(fingerprint256)) tellOfChain(emit, names, bundle);
  const elapsed = stopwatch(clock);
  await install(domain, bundle);
  state.served.set(domain, fingerprint256);
  emit({ type: 'serving', certificate: names, name: domain, serial, notAfter, seconds: elapsed() });
}

function tellOfChain(emit: Emit, certificate: Names, { dropped }: CertificateBundle): void {
  if (dropped.length > 0) emit({ type: 'chain-cleaned', certificate, dropped });
}
