import { isIP } from 'node:net'; // parses text, nothing else

/**
 * Checks of every value that is rendered into haproxy.cfg. The settings of the ingress are
 * validated earlier, so a RangeError thrown here is a bug in this program.
 */

/** The name of the frontend that clients connect to. */
export const PUBLIC_FRONTEND = 'tls';
/** The name of the backend that leads to the evidence server of the control plane. */
export const EVIDENCE_BACKEND = 'evidence';

/** HAProxy stores a `timeout` as a signed 32-bit number of milliseconds. */
const MAX_TIMEOUT_MS = 2_147_483_647;
/** sun_path holds 107 bytes; HAProxy binds `<path>.<pid>.tmp` and renames it. */
const MAX_SOCKET_PATH = 97;
/** Linux's PATH_MAX, which includes the terminating NUL. */
export const MAX_FILE_PATH = 4_095;
const PATH = /^\/[\w./@+~=-]*$/;

/** An integer between two limits. */
export function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
}

/** A TCP port. */
export function port(name: string, value: number): number {
  return integer(name, value, 1, 65_535);
}

/** The milliseconds of a `timeout`. */
export function timeout(name: string, ms: number): number {
  return integer(`timeout ${name}`, ms, 1, MAX_TIMEOUT_MS);
}

/**
 * An absolute path that needs no quoting; by default it has to be short enough for a Unix socket.
 */
export function checkedPath(path: string, maxLength = MAX_SOCKET_PATH): string {
  if (path.length <= maxLength && PATH.test(path)) return path;
  throw new RangeError(`not a path that can be written to haproxy.cfg: ${JSON.stringify(path)}`);
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

/** A served name in lower case, which may begin with `*.`. */
export function servedName(name: string): string {
  if (name.length <= 255 && /^(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/.test(name)) return name;
  throw new RangeError(`not a name to serve: ${JSON.stringify(name)}`);
}

/** Whether it is a hostname, or an address that isConnectable. */
export function isHost(host: string): boolean {
  if (isIP(host) !== 0) return isConnectable(host);
  if (/^[\d.]+$/.test(host)) return false;
  return host.length <= 253 && /^(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*$/.test(host);
}

/**
 * Whether an address identifies one host: it has no zone index and is not unspecified (0.0.0.0,
 * ::), which HAProxy replaces with the address that the client connected to.
 */
export function isConnectable(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%') && !/^[0:.]+$/.test(address);
}

/** A host that HAProxy can connect to, see isHost. */
export function checkedHost(host: string): string {
  if (isHost(host)) return host;
  throw new RangeError(`not a host that can be connected to: ${JSON.stringify(host)}`);
}
