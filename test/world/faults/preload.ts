import { mkdirSync, mkdtempSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Environment } from '../ingress.ts';

/**
 * The environment in which Node.js loads a file of `preload/` before the program, after the
 * preloads that it already has.
 */
export function withPreload(environment: Environment, file: string): Environment {
  const { NODE_OPTIONS } = environment;
  const option = `--import=${new URL(`./preload/${file}`, import.meta.url)}`;
  if (NODE_OPTIONS?.split(' ').includes(option)) return environment;
  return { ...environment, NODE_OPTIONS: NODE_OPTIONS === undefined ? option : `${NODE_OPTIONS} ${option}` };
}

/** Creates a folder beside the environment's volume, so that both are removed together. */
export function folderBesideVolume(environment: Environment, name: string): string {
  const volume = environment['LETSENCRYPT_DIR'];
  if (volume === undefined) throw new Error('the environment has no LETSENCRYPT_DIR');
  mkdirSync(dirname(volume), { recursive: true });
  return mkdtempSync(join(dirname(volume), `${basename(volume)}-${name}-`));
}
