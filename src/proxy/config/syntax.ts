import { isIP } from 'node:net'; // parses text, nothing else

/**
 * What may stand in the configuration of HAProxy. The configuration of the ingress has refused everything else before, so
 * each RangeError thrown here is a fault of the program.
 */

/** The frontend that the world sees. */
export const publicFrontend = 'tls';
/** The backend that leads to the control plane. */
export const EVIDENCE = 'evidence';

/** `timeout` values are kept in a signed 32-bit number of milliseconds. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;
/** sun_path holds 107; HAProxy binds `<path>.<pid>.tmp` and renames it. */
const LONGEST_PATH = 97;
/** PATH_MAX of Linux, with its end. */
export const LONGEST_FILE_PATH = 4_095;
const PLAIN_PATH = /^\/[\w./@+~=-]*$/;

/** A whole number within limits. */
export function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}

export function port(name: string, value: number): number {
  return whole(name, value, 1, 65_535);
}

/** Milliseconds of a `timeout`. */
export function timeout(name: string, ms: number): number {
  return whole(`timeout ${name}`, ms, 1, LONGEST_TIMEOUT_MS);
}

/** The path of a file or a socket. */
export function plainPath(path: string, longest = LONGEST_PATH): string {
  if (path.length <= longest && PLAIN_PATH.test(path)) return path;
  throw new RangeError(`not a path that can stand in the configuration of HAProxy: ${JSON.stringify(path)}`);
}

/** The name of an application protocol (RFC 7301). */
export function protocol(name: string): string {
  if (/^[a-z0-9][a-z0-9./+_-]{0,31}$/.test(name)) return name;
  throw new RangeError(`not the name of an application protocol: ${JSON.stringify(name)}`);
}

/** The name of a user or a group. */
export function account(name: string): string {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) return name;
  throw new RangeError(`not the name of a user or group: ${JSON.stringify(name)}`);
}

/** A name that clients ask for, `*.` in front of it included; in lower case. */
export function servedName(name: string): string {
  if (name.length <= 255 && /^(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/.test(name)) return name;
  throw new RangeError(`not a name to serve: ${JSON.stringify(name)}`);
}

/** Whether it is a hostname or an address that one can connect to: no zone index, and not "any" (0.0.0.0, ::). */
export function isPlainHost(host: string): boolean {
  if (isIP(host) !== 0) return isConnectable(host);
  if (/^[\d.]+$/.test(host)) return false;
  return host.length <= 253 && /^(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*$/.test(host);
}

/** Whether an address is one host's: HAProxy takes the unspecified one for "where the client connected to". */
export function isConnectable(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%') && !/^[0:.]+$/.test(address);
}

export function plainHost(host: string): string {
  if (isPlainHost(host)) return host;
  throw new RangeError(`not a host that can be connected to: ${JSON.stringify(host)}`);
}
