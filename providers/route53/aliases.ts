import { IngressError } from '../../src/errors.ts';
import type { Edit } from './changes.ts';
import type { ZoneMemory } from './memory.ts';

/** What a plan gives way at the name of an alias; whatever else stands there, planning again does not help. */
const HOSTS = new Set(['A', 'AAAA', 'CNAME']);

/**
 * Sees to it that no edit would put a CNAME beside other records (RFC 1034 §3.6.2), by what was read just before. Throws
 * PROVIDER_CONFLICT where a new plan would make room, PROVIDER_REJECTED where it would not. Pure.
 */
export function checkAliases(edits: readonly Edit[], memory: Pick<ZoneMemory, 'all'>): void {
  for (const { name, type, made } of edits) {
    if (!made) continue;
    const emptied = new Set(
      edits.filter((edit) => edit.name === name && edit.after.length === 0).map((edit) => edit.type),
    );
    const types = new Set(memory.all(name).map(({ Type }) => Type));
    const others = [...types].filter((other) => other !== type && !emptied.has(other));
    const rivals = type === 'CNAME' ? others : others.filter((other) => other === 'CNAME');
    if (rivals.length > 0) throw rivalry(name, type, rivals);
  }
}

function rivalry(name: string, type: string, rivals: readonly string[]): IngressError {
  const sentence = `${name} ${type} cannot stand beside the ${rivals.join(' and ')} records of ${name}`;
  if ([type, ...rivals].every((one) => HOSTS.has(one)))
    return new IngressError('PROVIDER_CONFLICT', sentence);
  return new IngressError('PROVIDER_REJECTED', sentence, {
    hint: 'Beside a CNAME nothing else is allowed. Remove the one or the other: Route 53 console > Hosted zones > the zone > Records.',
  });
}
