import type { Route } from './routes.ts';
import { plainPath } from './syntax.ts';

/** What rules know of the routes. */
export interface RouteMap {
  readonly routes: readonly Route[];
  readonly paths: { readonly routes: string };
}

/** Rules that set `<scope>.route` to the target of `<scope>.name`, an exact name before a wildcard; under a condition, if there is one. */
export function lookUp(
  rule: 'tcp-request session' | 'http-request',
  scope: 'sess' | 'txn',
  { routes, paths }: RouteMap,
  condition?: string,
): string[] {
  const set = (key: string, terms: readonly string[]) => {
    const when = terms.length === 0 ? '' : ` if ${terms.join(' ')}`;
    return `${rule} set-var(${scope}.route) ${key},map_str(${plainPath(paths.routes)})${when}`;
  };
  const terms = condition === undefined ? [] : [condition];
  const name = `var(${scope}.name)`;
  const wildcards = routes.some((route) => route.name.startsWith('*.'));
  const missing = `!{ var(${scope}.route) -m found }`;
  return [set(name, terms), ...(wildcards ? [set(`${name},regsub(^[^.]*,*)`, [...terms, missing])] : [])];
}
