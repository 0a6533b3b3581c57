import { isIP } from 'node:net';
import { quote } from './quote.ts';
import { SCHEMES, type SchemeName, schemeNames } from './schemes.ts';

/** Where an app listens, as TARGET_ENDPOINT and ROUTING_MAP name it. */
export interface Endpoint {
  readonly scheme: SchemeName;
  /** A host name or an IP address (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** A path that stood behind the port. The app gets the paths that clients ask for, so it has no effect. */
  readonly ignoredPath: string | undefined;
}

const HOST = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*$/;
const ENDPOINT =
  /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[0-9a-f:.]+\]|[^[\]/:]+)(?::(\d{1,5}))?(\/[\x21-\x7e]*)?$/i;

/** Reads an endpoint in any of its forms; else says what is wrong. It is quoted only where `mayShow`. */
export function parseEndpoint(text: string, mayShow = true): Endpoint | { wrong: string } {
  // It may hold a password, which nobody is to read in a log.
  if (text.includes('@'))
    return { wrong: 'holds an "@": only scheme, host and port belong there, and clients bring credentials' };
  const match = ENDPOINT.exec(text);
  if (!match?.[2] || !isHost(match[2]))
    return { wrong: `is not host:port or scheme://host:port${mayShow ? `: ${quote(text)}` : ''}` };
  const named = match[1]?.toLowerCase() ?? 'tcp';
  const scheme = schemeNames.find((known) => known === named);
  if (scheme === undefined) {
    const known = `${schemeNames.join(', ')}${mayShow ? `: ${named}` : ''}`;
    return { wrong: `has a scheme that is none of ${known} (tcp is for all others)` };
  }
  const port = Number(match[3] ?? SCHEMES[scheme].port ?? Number.NaN);
  if (!(port >= 1 && port <= 65_535)) return { wrong: 'has no port from 1 to 65535' };
  const ignoredPath = match[4] === '/' ? undefined : match[4];
  return { scheme, host: match[2].replace(/^\[|\]$/g, ''), port, ignoredPath };
}

function isHost(written: string): boolean {
  // 0.0.0.0 and :: are addresses to listen on; as a target they lead back to us.
  if (/^[[\]0.:]+$/.test(written)) return false;
  if (written.startsWith('[')) return isIP(written.slice(1, -1)) === 6;
  // Digits and dots alone are an IPv4 address or a mistake in one.
  return /^[\d.]+$/.test(written) ? isIP(written) === 4 : HOST.test(written);
}
