import { randomUUID } from 'node:crypto';
import { chmod, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IngressError, messageOf } from '../../errors.ts';
import { makeDirectory } from '../../files.ts';
import type { ProxySettings } from '../config/render.ts';
import { OPENSSL_CONF } from '../config/tls.ts';

/** The paths of HAProxy's files. None of them holds a secret. */
export interface RuntimePaths {
  readonly config: string;
  /** The Unix socket of the runtime API. */
  readonly socket: string;
  readonly crtList: string;
  /** The configuration of HAProxy's OpenSSL. */
  readonly openssl: string;
  /** The map from name to target. */
  readonly routes: string;
  /** The Unix socket for TLS handshakes of the control plane. */
  readonly handshakeSocket: string;
  /** The directory part of the crt-list's entries; it does not exist. */
  readonly certificates: string;
  readonly chroot: string;
}

/** The paths below RUNTIME_DIR. */
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

/**
 * Writes every file that HAProxy reads. Idempotent. Throws PROXY_START_FAILED, which names
 * RUNTIME_DIR.
 */
export async function prepareRuntimeDir(
  paths: RuntimePaths,
  texts: { readonly config: string; readonly routes: string },
  privileges: ProxySettings['privileges'],
): Promise<void> {
  try {
    await replaceFile(paths.config, texts.config);
    await replaceFile(paths.routes, texts.routes);
    await replaceFile(paths.openssl, OPENSSL_CONF);
    await replaceFile(paths.crtList, '');
    if (privileges?.chroot !== undefined) await makeChroot(privileges.chroot);
  } catch (thrown) {
    if (thrown instanceof IngressError) throw thrown;
    throw failed(`HAProxy's files cannot be written: ${messageOf(thrown)}.`, thrown);
  }
}

/**
 * Replaces a file atomically; only our own user can read it. It need not survive a crash of the
 * machine, so nothing is fsynced. Throws the file system's errors.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  await makeDirectory(dirname(path));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text).finally(() => file.close());
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

async function makeChroot(path: string): Promise<void> {
  await makeDirectory(path);
  const found = await readdir(path);
  if (found.length > 0)
    throw failed(`The directory ${path} must be empty, but contains ${found.join(', ')}.`);
  await chmod(path, 0o555);
}

function failed(message: string, cause?: unknown): IngressError {
  const hint = 'Check that RUNTIME_DIR is a writable directory that no other program uses.';
  return new IngressError('PROXY_START_FAILED', message, { hint, cause });
}
