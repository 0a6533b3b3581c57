import { type ProxyRoute, targetName } from './routes.ts';
import { checkedPath, servedName } from './syntax.ts';

/** The routes, and the path of the map file that lists them. */
export interface RouteMap {
  readonly routes: readonly ProxyRoute[];
  readonly paths: { readonly routes: string };
}

/**
 * The map file in which HAProxy looks up the target of a name. Throws a RangeError for a duplicate
 * name. Pure.
 */
export function renderRouteMap(routes: readonly ProxyRoute[]): string {
  const lines = new Map(routes.map(({ name, target }) => [servedName(name), targetName(target)]));
  if (lines.size < routes.length) throw new RangeError('two routes have the same name');
  return [...lines].map(([name, target]) => `${name} ${target}\n`).join('');
}

/**
 * The rules that set `<scope>.route` to the target of `<scope>.name`, if `condition` holds. An
 * exact name takes precedence over a wildcard. Pure.
 */
export function routeLookupRules(
  rule: 'tcp-request session' | 'http-request',
  scope: 'sess' | 'txn',
  { routes, paths }: RouteMap,
  condition?: string,
): string[] {
  const set = (key: string, terms: readonly string[]) => {
    const when = terms.length === 0 ? '' : ` if ${terms.join(' ')}`;
    return `${rule} set-var(${scope}.route) ${key},map_str(${checkedPath(paths.routes)})${when}`;
  };
  const terms = condition === undefined ? [] : [condition];
  const name = `var(${scope}.name)`;
  const wildcards = routes.some((route) => route.name.startsWith('*.'));
  const missing = `!{ var(${scope}.route) -m found }`;
  return [set(name, terms), ...(wildcards ? [set(`${name},regsub(^[^.]*,*)`, [...terms, missing])] : [])];
}
