import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { createBegin } from './begin.ts';
import { watchFiles } from './files.ts';
import { type Actor, kill } from './outside.ts';
import { watchRequests } from './requests.ts';

/**
 * A preload (`node --import`) that numbers the effects of its process, records each before it
 * happens, and injects one fault. Its environment configures it: see createBegin.
 */
const { LETSENCRYPT_DIR = '/etc/letsencrypt' } = process.env;
const begin = isMainThread ? createBegin(process.env) : undefined;

if (begin) {
  const actor: Actor = { root: LETSENCRYPT_DIR, begin, die: kill };
  await watchFiles(() => actor);
  watchRequests(() => actor);
}
