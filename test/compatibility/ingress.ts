import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { parseEndpoint } from '../../src/config/endpoint.ts';
import { planRoutes } from '../../src/config/routes.ts';
import { startEvidenceServer } from '../../src/evidence/server.ts';
import { afterTest } from '../harness/after-test.ts';
import { type LogLine, memoryLog } from '../harness/memory-log.ts';
import { startTestProxy } from '../harness/proxy/proxy.ts';
import { testCertificate } from '../harness/proxy/proxy-certificate.ts';
import { temporaryDirectory } from '../harness/temporary-directory.ts';
import { clientFolder } from './programs.ts';

/** The name that clients connect to: one that each of them resolves without configuration. */
export const NAME = 'localhost';

/** The ingress in front of a server, from the client's point of view. */
export interface Front {
  readonly port: number;
  /** The PEM file of the CA that the client has to trust. */
  readonly caFile: string;
  /** The environment of clients: their PATH, and the CA to trust. */
  readonly environment: Readonly<Record<string, string>>;
  /** The proxy's log lines. */
  readonly lines: readonly LogLine[];
}

/**
 * Starts the proxy in front of one server, with the route and the protocols that the configuration
 * yields for the endpoint. Its certificate is for `certified`.
 */
export async function ingressBefore(
  t: TestContext,
  targetEndpoint: string,
  certified = NAME,
): Promise<Front> {
  const endpoint = parseEndpoint(targetEndpoint);
  if ('wrong' in endpoint) throw new Error(`${targetEndpoint} ${endpoint.wrong}`);
  const never = () => false;
  const { routes } = planRoutes({ domain: NAME, targetEndpoint: endpoint }, never, never);
  const directory = temporaryDirectory(t);
  const evidence = await startEvidenceServer(directory, memoryLog().emit);
  afterTest(t, () => evidence[Symbol.asyncDispose]());
  const { proxy, port, lines } = await startTestProxy(t, { routes, evidencePort: evidence.port });
  const certificate = { ...(await testCertificate(certified)), servername: NAME };
  await proxy.install(certificate);
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, certificate.chainPem);
  const PATH = `${await clientFolder()}:${process.env['PATH']}`;
  return { port, caFile, lines, environment: { PATH, SSL_CERT_FILE: caFile, CURL_CA_BUNDLE: caFile } };
}
