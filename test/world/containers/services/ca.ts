import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere, writeAtomically } from '../../../../src/files.ts';
import { startPebble } from '../../ca/pebble.ts';
import { EVERYWHERE, type Service } from './service.ts';

/** Selects the lines of Pebble's log that are worth showing. */
const TELLING = /There are now \d+ orders|set VALID|set INVALID|Issued certificate|Returning an error/i;

/**
 * Pebble. CA_DIR/roots.pem has its roots, one for each start, because certificates outlive
 * the CA's memory.
 */
export const startCa: Service = async ({ CA_DIR, RESOLVER_ADDRESS, CERTIFICATE_SECONDS }, say) => {
  const pebble = await startPebble({
    directory: await mkdtemp(join(tmpdir(), 'ca-')),
    address: EVERYWHERE,
    // The certificate from the image's build is valid for the service's name and for this one.
    host: 'localhost',
    api: { certificate: join(CA_DIR, 'api.crt'), privateKey: join(CA_DIR, 'api.key') },
    dnsServer: `${RESOLVER_ADDRESS}:53`,
    validityS: CERTIFICATE_SECONDS,
    log: (line) => {
      if (TELLING.test(line)) say(line.replace(/^Pebble \S+ \S+ /, ''));
    },
  });
  const file = join(CA_DIR, 'roots.pem');
  const roots = [(await readIfThere(file)) ?? '', ...pebble.roots].join('');
  await writeAtomically(file, roots, 0o644);
  say(`issuing certificates for ${CERTIFICATE_SECONDS} s on port 14000; the roots are in ${file}`);
};
