import type { TestContext } from 'node:test';
import type { Route, Target } from '../../../src/proxy/config/routes.ts';
import { type RunningTest, routesTo, startTestProxy, type TestProxyOptions } from './proxy.ts';
import { testCertificate } from './proxy-certificate.ts';

/** What is offered to clients of targets that take requests. */
export const HTTP_ALPN = ['h2', 'http/1.1'];

/** Routes from some names to an app on this host that takes requests. */
export function httpRoutes(
  port: number,
  names: readonly string[] = ['app.example'],
  target: Partial<Target> = {},
): Route[] {
  return routesTo({ port, speaks: 'http/1.1', ...target }, names, HTTP_ALPN);
}

/** A proxy with some routes and a certificate for each of them. */
export async function startServing(
  t: TestContext,
  routes: readonly Route[],
  options: Omit<TestProxyOptions, 'routes' | 'target' | 'names' | 'alpn'> = {},
): Promise<RunningTest> {
  const running = await startTestProxy(t, { ...options, routes });
  for (const { name } of routes) await running.proxy.install(await testCertificate(name));
  return running;
}
