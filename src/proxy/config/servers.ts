import { isIP } from 'node:net'; // parses text, nothing else
import type { Backend } from './backends.ts';
import type { Target } from './routes.ts';
import { checkedHost, checkedPath, MAX_FILE_PATH, port } from './syntax.ts';

/** How HAProxy connects to all apps, in addition to what each target specifies. */
export interface ServerOptions {
  /** The version of the PROXY header that is sent at the start of each connection to the app. */
  readonly sendProxy: 'off' | 'v1' | 'v2';
  /** For apps that use TLS. */
  readonly upstreamTls: {
    /** Whether the app's certificate has to be valid for the target's host. */
    readonly verify: boolean;
    /** PEM file with the CAs to trust. Default: those of the system. */
    readonly caFile?: string;
  };
}

/** The server that is always in use, in every backend. */
export const MAIN_SERVER = 'app';

/**
 * The number of addresses of a host that are used at once. Each costs 5 kB in every backend, and 25
 * kB if the app uses TLS (measured).
 */
export const SLOTS = 8;

/** The name of the server in a slot, counted from 0. See ServerPlan. */
export function slotName(slot: number): string {
  return `${MAIN_SERVER}${slot + 1}`;
}

/**
 * The servers of a backend. If the target's host is a name, there is the main server and SLOTS
 * empty slots. HAProxy marks a slot down when a connection to it fails (`observe layer4`). It does
 * so only for servers with health checks; the control plane disables the checks of a slot before
 * using it. Connections go to the server with the fewest (`leastconn`), since some last for days.
 * The main server, whose address is also that of one of the slots, has the lowest weight.
 */
export function serverLines(backend: Backend, options: ServerOptions, maxconn: number | undefined): string[] {
  const { target } = backend;
  const words = [
    serverWords(backend, options),
    ...(maxconn === undefined ? [] : [`maxconn ${maxconn}`]),
  ].join(' ');
  if (isIP(checkedHost(target.host)) !== 0) return [`server ${MAIN_SERVER} ${words}`];
  return [
    'balance leastconn',
    // Retry a failed connection on another server at once; with a single server HAProxy waits for a
    // second.
    'option redispatch 1',
    `server ${MAIN_SERVER} ${words} weight 1`,
    `server-template ${MAIN_SERVER} ${SLOTS} ${words} weight 256 check observe layer4 error-limit 1 on-error mark-down`,
  ];
}

/** The words of a `server` line after its name. */
function serverWords({ target, speaks, exclusiveConnections }: Backend, options: ServerOptions): string {
  return [
    addressWords(target),
    ...(options.sendProxy === 'off' ? [] : [SEND_PROXY[options.sendProxy]]),
    ...(target.tls ? tlsWords(target, speaks, options.upstreamTls) : []),
    ...(speaks === 'h2' ? ['proto h2'] : []),
    ...(speaks === 'h2' && exclusiveConnections ? ['max-reuse 0'] : []),
  ].join(' ');
}

const SEND_PROXY = { v1: 'send-proxy', v2: 'send-proxy-v2' } as const;

/**
 * The control plane resolves names, sets the address and enables the server. The placeholder is not
 * 0.0.0.0, which HAProxy replaces with the address that the client connected to.
 */
function addressWords({ host, port: number }: Target): string {
  const checkedPort = port('target port', number);
  switch (isIP(checkedHost(host))) {
    case 4:
      return `ipv4@${host}:${checkedPort}`;
    case 6:
      return `ipv6@[${host}]:${checkedPort}`;
    default:
      return '127.0.0.1:1 disabled';
  }
}

function tlsWords(
  { host }: Target,
  speaks: Backend['speaks'],
  { verify, caFile }: ServerOptions['upstreamTls'],
): string[] {
  const named = isIP(host) === 0;
  const trust = `ca-file ${caFile === undefined ? '@system-ca' : checkedPath(caFile, MAX_FILE_PATH)}`;
  return [
    'ssl',
    ...(verify ? ['verify required', trust] : ['verify none']),
    ...(named ? [`sni str(${host})`] : []),
    ...(named && verify ? [`verifyhost ${host}`] : []),
    ...(speaks === undefined ? [] : [`alpn ${speaks}`]),
  ];
}
