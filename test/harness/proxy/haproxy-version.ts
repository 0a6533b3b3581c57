import { execFileSync } from 'node:child_process';
import { haproxyBin } from './proxy.ts';

const text = execFileSync(haproxyBin, ['-vv'], { encoding: 'utf8' });

/** The HAProxy to try: 2.6 as 206. */
export const haproxyVersion = versionIn(/^HAProxy version (\d+)\.(\d+)/m);

/** The OpenSSL that it runs with: 3.5 as 305. HAProxy says it in other words from 3.2 on. */
export const opensslVersion = versionIn(
  /^Running on (?:OpenSSL|SSL library) version : OpenSSL (\d+)\.(\d+)/m,
);

function versionIn(pattern: RegExp): number {
  const [, major, minor] = pattern.exec(text) ?? [];
  return Number(major) * 100 + Number(minor);
}
