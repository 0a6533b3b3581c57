import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { freePort } from '../../world/free-port.ts';
import { caddyfile } from './caddy-config.ts';
import type { Contender, Running, Site } from './contender.ts';
import { nginxHttpConfig, nginxStreamConfig } from './nginx-config.ts';
import { CURVES_2_3, CURVES_2_6, olderConfig } from './older-config.ts';
import { ours } from './ours.ts';
import { startServer } from './server.ts';
import type { Stage } from './stage.ts';

/** All contenders, in the order of the tables. */
export const contenders: readonly Contender[] = [
  ...ours,
  { id: 'older-2.3', start: (site) => startOlder(site, CURVES_2_3) },
  { id: 'older-2.6', start: (site) => startOlder(site, CURVES_2_6) },
  { id: 'nginx-stream', start: startNginxStream },
  { id: 'nginx-http', start: startNginxHttp },
  { id: 'caddy', start: startCaddy },
];

async function startOlder(site: Site, curves: readonly string[]): Promise<Running> {
  const { folder, certificates, port, app, stage } = site;
  const crt = join(folder, 'certificates');
  await mkdir(crt);
  for (const { name, chainPem, keyPem } of certificates)
    await writeFile(join(crt, `${name}.pem`), `${chainPem}\n${keyPem.reveal()}\n`);
  const known = (await knowsMlkem(stage)) ? curves : curves.filter((curve) => curve !== 'X25519MLKEM768');
  const names = certificates.map(({ name }) => name);
  const config = join(folder, 'haproxy.cfg');
  const text = olderConfig({
    ...{ port, app, names, certificates: crt, curves: known },
    evidencePort: await freePort(),
  });
  await writeFile(config, text);
  return start(site, 'haproxy', ['-db', '-f', config]);
}

async function startNginxStream(site: Site): Promise<Running> {
  const config = join(site.folder, 'nginx.conf');
  const { stderr } = await execa(await site.stage.launcher('nginx', '0'), ['-v']);
  await writeFile(
    config,
    nginxStreamConfig({ ...site, sites: await pemFiles(site) }, isBefore1_25_5(stderr)),
  );
  return start(site, 'nginx', ['-c', config, '-e', join(site.folder, 'error.log')]);
}

async function startNginxHttp(site: Site): Promise<Running> {
  const config = join(site.folder, 'nginx.conf');
  await writeFile(config, nginxHttpConfig({ ...site, sites: await pemFiles(site) }));
  return start(site, 'nginx', ['-c', config, '-e', join(site.folder, 'error.log')]);
}

async function startCaddy(site: Site): Promise<Running> {
  const config = join(site.folder, 'Caddyfile');
  await writeFile(config, caddyfile({ ...site, sites: await pemFiles(site) }));
  return start(site, 'caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    HOME: site.folder,
    XDG_DATA_HOME: site.folder,
    XDG_CONFIG_HOME: site.folder,
    GOMAXPROCS: '1',
  });
}

/** Whether a version printed by `nginx -v` does not support server_name in stream. */
export function isBefore1_25_5(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = (/nginx\/([\d.]+)/.exec(version)?.[1] ?? '')
    .split('.')
    .map(Number);
  return major < 1 || (major === 1 && (minor < 25 || (minor === 25 && patch < 5)));
}

/**
 * X25519MLKEM768 exists since OpenSSL 3.5; HAProxy refuses a curve that its library does not know.
 */
async function knowsMlkem(stage: Stage): Promise<boolean> {
  const openssl = await stage.launcher('openssl', '0');
  const { stdout } = await execa(openssl, ['list', '-kem-algorithms'], { reject: false });
  return stdout.includes('X25519MLKEM768');
}

async function pemFiles({ folder, certificates }: Site) {
  const pems = join(folder, 'pem');
  await mkdir(pems);
  return Promise.all(
    certificates.map(async ({ name, chainPem, keyPem }) => {
      const [chain, key] = [join(pems, `${name}.crt`), join(pems, `${name}.key`)];
      await writeFile(chain, `${chainPem}\n`);
      await writeFile(key, `${keyPem.reveal()}\n`);
      return { name, chain, key };
    }),
  );
}

/** Starts a program on the proxy's core. */
async function start(
  { stage, port }: Site,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  return startServer(await stage.launcher(program, stage.cores.proxy), args, { port, env });
}
