import { type Route, urlOf } from './route.ts';

/** What a person opens, and where it leads: `https://app.example.com is up, forwarding to http://app:3000`. Pure. */
export function announcement({ name, target }: Route): string {
  const where = target.speaks === 'tcp' ? `${name}:443 (TLS)` : `https://${name}`;
  return `${where} is up, forwarding to ${urlOf(target)}`;
}
