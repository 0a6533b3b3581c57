import { loadConfig } from '../../src/config/config.ts';
import { ConfigError, type Fault } from '../../src/config/faults.ts';
import { domainName, secretText } from '../../src/config/types.ts';
import { required } from '../../src/config/variable.ts';

/** An environment without a fault. */
export const GOOD = {
  DOMAIN: 'app.example.com',
  TARGET_ENDPOINT: 'app:80',
  GATEWAY_DOMAIN: '_.cluster.example.net',
  ALPHA_TOKEN: 'alpha-secret',
};

const token = (name: string) => ({
  token: required(secretText, { name, secret: true, help: 'A token.', fix: 'Make one.' }),
});
const providers = [
  { name: 'alpha', variables: token('ALPHA_TOKEN'), credentials: ['ALPHA_TOKEN'] },
  { name: 'beta', variables: token('BETA_TOKEN'), credentials: ['BETA_TOKEN'] },
  {
    name: 'delta',
    variables: {
      ...token('DELTA_TOKEN'),
      user: required(domainName, { name: 'DELTA_USER', help: 'A user.', fix: 'Name one.' }),
    },
    credentials: ['DELTA_TOKEN'],
  },
];

/** Loads an environment. `files` has the contents of the files that `NAME_FILE` variables name. */
export function load(environment: Record<string, string>, files: Record<string, string> = {}) {
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
    return text;
  };
  return loadConfig(environment, readFile, providers);
}

/** The faults of an environment. */
export function faultsOf(environment: Record<string, string>, files: Record<string, string> = {}) {
  try {
    load(environment, files);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.faults;
    throw thrown;
  }
  return [];
}

/** Faults as `VARIABLE kind`. */
export function kindsOf(faults: readonly Fault[]): string[] {
  return faults.map(({ variable, kind }) => `${variable} ${kind}`);
}
