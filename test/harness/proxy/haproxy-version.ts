import { execFileSync } from 'node:child_process';
import { haproxyBin } from './proxy.ts';

const text = execFileSync(haproxyBin, ['-vv'], { encoding: 'utf8' });

/** The version of the tested HAProxy: 206 for 2.6. */
export const haproxyVersion = versionIn(/^HAProxy version (\d+)\.(\d+)/m);

/** The version of its OpenSSL: 305 for 3.5. From 3.2 on HAProxy's output has another format. */
export const opensslVersion = versionIn(
  /^Running on (?:OpenSSL|SSL library) version : OpenSSL (\d+)\.(\d+)/m,
);

function versionIn(pattern: RegExp): number {
  const [, major, minor] = pattern.exec(text) ?? [];
  return Number(major) * 100 + Number(minor);
}
