import type { ProxySettings } from '../../../src/proxy/config/render.ts';
import type { ProxyRoute, Target } from '../../../src/proxy/config/routes.ts';

const target: Target = { host: 'app', port: 80, speaks: 'tcp', tls: false };

/** A route to app:80 as bytes, unless `change` says otherwise. */
export const route = (
  name: string,
  change: Partial<Target> = {},
  alpn: readonly string[] = [],
): ProxyRoute => ({
  ...{ name, target: { ...target, ...change }, alpn },
});

/** Settings to render: one route and no options. */
export const settings: ProxySettings = {
  port: 443,
  ipv6: true,
  maxconn: 4096,
  timeouts: { connect: 10_000, client: 86_400_000, server: 86_400_000 },
  routes: [route('app.example')],
  acceptProxy: false,
  sendProxy: 'off',
  upstreamTls: { verify: true },
  evidencePort: undefined,
  paths: {
    socket: '/run/ingress/haproxy.sock',
    crtList: '/run/ingress/crt-list',
    routes: '/run/ingress/routes.map',
    handshakeSocket: '/run/ingress/own.sock',
  },
  privileges: undefined,
  drainMs: 8_000,
};

/** The lines of a section of haproxy.cfg, without their indentation. */
export function section(text: string, title: string): string[] {
  const found = text
    .trimEnd()
    .split('\n\n')
    .find((part) => part.startsWith(title));
  return (found ?? '').split('\n').map((line) => line.trim());
}
