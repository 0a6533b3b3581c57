import type { TestCertificate } from '../../harness/proxy/proxy-certificate.ts';
import type { Stage } from './stage.ts';

/** What a contender has to serve. */
export interface Site {
  /** On every address. */
  readonly port: number;
  readonly app: { readonly host: string; readonly port: number };
  /** One for each name. */
  readonly certificates: readonly TestCertificate[];
  /** An empty folder for its files. */
  readonly folder: string;
  readonly stage: Stage;
}

export interface Running extends AsyncDisposable {
  /** The parent process of the others. */
  readonly pid: number;
}

export const contenderIds = [
  'ours-tcp',
  'ours-http',
  'older-2.3',
  'older-2.6',
  'nginx-stream',
  'nginx-http',
  'caddy',
] as const;

export type ContenderId = (typeof contenderIds)[number];

export interface Contender {
  readonly id: ContenderId;
  /** Starts it and resolves once it serves. */
  start(site: Site): Promise<Running>;
}

/** Titles in tables and plots. */
export const titles: Readonly<Record<ContenderId, string>> = {
  'ours-tcp': 'dstack-ingress, TCP',
  'ours-http': 'dstack-ingress, HTTP',
  'older-2.3': 'HAProxy as in 2.3',
  'older-2.6': 'HAProxy as in 2.6',
  'nginx-stream': 'nginx, stream',
  'nginx-http': 'nginx, http',
  caddy: 'Caddy',
};

/** Whether it processes HTTP requests; otherwise it forwards bytes. */
export function readsRequests(id: ContenderId): boolean {
  return id === 'ours-http' || id === 'nginx-http' || id === 'caddy';
}

export function isOurs(id: ContenderId): boolean {
  return id.startsWith('ours-');
}
