import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProviderFiles, ProviderWait } from '../../../providers/shared/context.ts';
import { IngressError } from '../../errors.ts';
import type { EventOf } from '../../events.ts';
import { listIfThere, makeDirectory, readIfThere, writeAtomically } from '../../files.ts';
import { orStoreFailed } from '../../volume.ts';

/** The directory of one provider on the certificate volume. */
export function createProviderFiles(letsencryptDir: string, provider: string): ProviderFiles {
  const root = join(letsencryptDir, 'dstack-ingress', 'providers', provider);
  const run = <T>(verb: string, name: string, work: (path: string) => Promise<T>): Promise<T> => {
    const path = join(root, name);
    return orStoreFailed(`cannot ${verb} ${path}`, path, () => work(path));
  };
  return {
    read: (name) => run('read', name, readIfThere),
    write: (name, text) =>
      run('write', name, async (path) => {
        await makeDirectory(dirname(path), 0o700);
        await writeAtomically(path, text, 0o600);
        return path;
      }),
    list: async (folder) => (await run('list', folder, listIfThere)).toSorted(),
    remove: (name) => run('remove', name, (path) => rm(path, { force: true })),
  };
}

/** The files without writes, for `plan`. */
export function readOnly(files: ProviderFiles): ProviderFiles {
  return {
    ...files,
    write: async (name) => {
      throw new IngressError('STORE_FAILED', `${name} is not written: plan only reads`);
    },
    remove: async () => undefined,
  };
}

/** The event of a wait for the provider. */
export function waitingFor(
  { name, title }: { readonly name: string; readonly title: string },
  wait: ProviderWait,
): EventOf<'waiting'> {
  return { type: 'waiting', for: 'provider', provider: name, title, ...wait };
}
