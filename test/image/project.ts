import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { execa, execaSync } from 'execa';
import { freePort } from '../world/free-port.ts';
import { type HttpsAnswer, requestHttpsAt } from '../world/https-client.ts';
import { atProcessEnd } from '../world/process-end.ts';
import { findDockerCompose } from './docker-compose.ts';
import type { Engine } from './engine.ts';
import { ingressImage, worldImage } from './images.ts';

const COMPOSE_FILE = new URL('../../examples/demo/compose.yaml', import.meta.url).pathname;
const OVERRIDE = new URL('override.yaml', import.meta.url).pathname;
const DOMAIN = 'app.example.test';
/** The image's own check. A failure counts at once, so none may occur while the check waits. */
const WAITING_CHECK = {
  HEALTH_TEST: 'dstack-ingress health --wait',
  HEALTH_TIMEOUT: '600s',
  HEALTH_START_PERIOD: '5s',
};
const COMMAND_MS = 120_000;

export interface ProjectOptions {
  /** Validity of the CA's certificates in seconds. Default: 90 days. */
  readonly validityS?: number;
  /**
   * Uses the image's own health check, but every second. Not with podman, which waits for each
   * check to end.
   */
  readonly waitingCheck?: boolean;
}

/** A process inside a container, as seen from the host. */
export interface ContainerProcess {
  readonly pid: number;
  readonly comm: string;
  readonly cmdline: string;
  /** proc_pid_status(5). */
  readonly status: string;
}

/**
 * The compose project of examples/demo, with the image of this tree, and with a name, a network and
 * a port of its own.
 */
export interface Project extends AsyncDisposable {
  readonly engine: Engine;
  /** Runs a compose command and returns its output. Rejects with the error output. */
  compose(...args: readonly string[]): Promise<string>;
  /** The full id of a service's container. */
  container(service: string): Promise<string>;
  /** A part of `inspect` of a service's container, selected by a Go template. */
  inspect(service: string, template: string): Promise<string>;
  /** The lines of a service's log so far, without the prefix with the service's name. */
  log(service: string): Promise<string[]>;
  /** The processes of a service's container. */
  processes(service: string): Promise<ContainerProcess[]>;
  /**
   * A user's request for a path: through the gateway's published port, verified against the CA's
   * roots.
   */
  get(path: string): Promise<HttpsAnswer>;
  /** A user's target: a port of 127.0.0.1, the name to request, and the roots to trust. */
  place(): Promise<{ readonly port: number; readonly domain: string; readonly roots: string }>;
}

/**
 * Creates the project without starting anything. Disposal removes its containers, volumes and
 * network.
 */
export async function openProject(engine: Engine, options: ProjectOptions = {}): Promise<Project> {
  const [program, ingress, world] = [
    await findDockerCompose(),
    await ingressImage(engine),
    await worldImage(engine),
  ];
  const port = await freePort();
  const name = `dstack-ingress-test-${process.pid}-${randomInt(1_000_000)}`;
  const env = {
    ...engine.environment,
    INGRESS_IMAGE: ingress,
    WORLD_IMAGE: world,
    DEMO_PORT: String(port),
    DEMO_NETWORK: `10.${randomInt(64, 250)}.${randomInt(256)}`,
    ...(options.waitingCheck ? WAITING_CHECK : {}),
    CA_VALIDITY_SECONDS: String(options.validityS ?? 90 * 86_400),
  };
  const files = ['--file', COMPOSE_FILE, '--file', OVERRIDE, '--project-name', name];
  const compose = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await execa(program, [...files, ...args], {
      env,
      stdin: 'ignore',
      timeout: COMMAND_MS,
    });
    return stdout;
  };
  const down = ['down', '--volumes', '--timeout', '0', '--remove-orphans'];
  const forget = atProcessEnd(() => void execaSync(program, [...files, ...down], { env, reject: false }));
  const project: Project = {
    engine,
    compose,
    async container(service) {
      return (await compose('ps', '--all', '--quiet', service)).trim();
    },
    async inspect(service, template) {
      return (await engine.run(['inspect', '--format', template, await project.container(service)])).trim();
    },
    async log(service) {
      const text = await engine.run(['logs', await project.container(service)], { both: true });
      return text.split('\n').filter((line) => line !== '');
    },
    async processes(service) {
      return processesOf(engine, await project.container(service));
    },
    async place() {
      return { port, domain: DOMAIN, roots: await compose('exec', '-T', 'ca', 'cat', '/ca/roots.pem') };
    },
    async get(path) {
      const { roots } = await project.place();
      return requestHttpsAt({ host: '127.0.0.1', port }, [roots], DOMAIN, path);
    },
    async [Symbol.asyncDispose]() {
      await compose(...down);
      forget();
    },
  };
  return project;
}

async function processesOf(engine: Engine, id: string): Promise<ContainerProcess[]> {
  const listed = await engine.run(['top', id, ...(engine.kind === 'docker' ? ['-o', 'pid'] : ['hpid'])]);
  const pids = listed.split('\n').flatMap((line) => Number(line.trim()) || []);
  return pids.flatMap((pid) => processAt(pid) ?? []);
}

/** Undefined if it has ended since it was listed, as health checks do. */
function processAt(pid: number): ContainerProcess | undefined {
  const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  try {
    const cmdline = read('cmdline').replaceAll('\0', ' ');
    return { pid, comm: read('comm').trim(), cmdline, status: read('status') };
  } catch (thrown) {
    if (/ENOENT|ESRCH/.test(String(thrown))) return undefined;
    throw thrown;
  }
}
