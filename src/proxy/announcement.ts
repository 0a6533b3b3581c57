import { type Route, urlOf } from './route.ts';

/**
 * What a person opens, and where it leads: `https://app.example.com is up, forwarding to http://app:3000`. `doubt` is the subject of a
 * warning that speaks against it. Pure.
 */
export function announcement({ name, target }: Route, doubt?: string): string {
  const where = target.speaks === 'tcp' ? `${name}:443 (TLS)` : `https://${name}`;
  const but = doubt === undefined ? '' : `, but see the warning about ${doubt}: it may not be reached`;
  return `${where} is up, forwarding to ${urlOf(target)}${but}`;
}
