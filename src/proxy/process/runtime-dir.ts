import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IngressError, messageOf } from '../../errors.ts';
import { makeDirectory } from '../../files.ts';
import { OPENSSL_CONF } from '../config/openssl-conf.ts';
import type { ProxySettings } from '../config/render.ts';
import { writeWhole } from './write-whole.ts';

/** Where the files of HAProxy are. None of them holds a secret. */
export interface RuntimePaths {
  readonly config: string;
  readonly socket: string;
  readonly crtList: string;
  /** Where HAProxy's OpenSSL reads its configuration. */
  readonly openssl: string;
  /** Where HAProxy looks up the target of a name. */
  readonly routes: string;
  /** Where the control plane makes handshakes of its own. */
  readonly handshakeSocket: string;
  /** What the entries of the crt-list pretend to be in; it does not exist. */
  readonly certificates: string;
  readonly chroot: string;
}

export function runtimePaths(runtimeDir: string): RuntimePaths {
  return {
    config: join(runtimeDir, 'haproxy.cfg'),
    socket: join(runtimeDir, 'haproxy.sock'),
    crtList: join(runtimeDir, 'crt-list'),
    openssl: join(runtimeDir, 'openssl.cnf'),
    routes: join(runtimeDir, 'routes.map'),
    handshakeSocket: join(runtimeDir, 'own.sock'),
    certificates: join(runtimeDir, 'certs'),
    chroot: join(runtimeDir, 'chroot'),
  };
}

/** Lays out everything that HAProxy reads. Idempotent. Throws PROXY_START_FAILED naming RUNTIME_DIR. */
export async function prepareRuntimeDir(
  paths: RuntimePaths,
  texts: { readonly config: string; readonly routes: string },
  privileges: ProxySettings['privileges'],
): Promise<void> {
  try {
    await writeWhole(paths.config, texts.config);
    await writeWhole(paths.routes, texts.routes);
    await writeWhole(paths.openssl, OPENSSL_CONF);
    await writeWhole(paths.crtList, '');
    if (privileges?.chroot !== undefined) await makeChroot(privileges.chroot);
  } catch (thrown) {
    if (thrown instanceof IngressError) throw thrown;
    throw failed(`The files of HAProxy cannot be written: ${messageOf(thrown)}.`, thrown);
  }
}

async function makeChroot(path: string): Promise<void> {
  await makeDirectory(path);
  const found = await readdir(path);
  if (found.length > 0) throw failed(`The directory ${path} must be empty, but holds ${found.join(', ')}.`);
  await chmod(path, 0o555);
}

function failed(sentence: string, cause?: unknown): IngressError {
  const hint = 'Check that RUNTIME_DIR is a directory that can be written and that only the ingress uses.';
  return new IngressError('PROXY_START_FAILED', sentence, { hint, cause });
}
