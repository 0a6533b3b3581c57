import assert from 'node:assert/strict';
import type { DnsProvider, Zone } from '../../src/dns/provider.ts';
import type { Change, CurrentRecord, DnsRecord } from '../../src/dns/record.ts';
import { type ErrorCode, IngressError } from '../../src/errors.ts';

/** Nothing in this suite takes longer. */
export const soon = (): AbortSignal => AbortSignal.timeout(30_000);

export function record(name: string, type: string, value: string, ttl = 3600): DnsRecord {
  return { name, type, value, ttl };
}

export function create(...records: readonly DnsRecord[]): Change[] {
  return records.map((one) => ({ action: 'create', record: one }));
}

export function remove(...records: readonly CurrentRecord[]): Change[] {
  return records.map((removed) => ({ action: 'remove', removed }));
}

/** Compares records by name, type, value and TTL, in any order. */
export function assertSame(actual: readonly DnsRecord[], expected: readonly DnsRecord[]): void {
  assert.deepEqual(actual.map(line).sort(), expected.map(line).sort());
}

/** Compares records by name, type, value and TTL, in this order. */
export function assertSameOrder(actual: readonly DnsRecord[], expected: readonly DnsRecord[]): void {
  assert.deepEqual(actual.map(line), expected.map(line));
}

function line({ name, type, value, ttl }: DnsRecord): string {
  return `${name} ${ttl} ${type} ${value}`;
}

/** Reads the current records at the names. */
export async function readRecords(
  provider: DnsProvider,
  zone: Zone,
  ...names: readonly string[]
): Promise<CurrentRecord[]> {
  return await provider.records(zone, names, soon());
}

/** The error that a call rejects with; must be an IngressError with this code. */
export async function failure(call: Promise<unknown>, code: ErrorCode): Promise<IngressError> {
  try {
    await call;
  } catch (thrown) {
    assert.ok(thrown instanceof IngressError, `not an IngressError: ${String(thrown)}`);
    assert.equal(thrown.code, code, `${thrown.code}: ${thrown.message}`);
    return thrown;
  }
  assert.fail(`resolved instead of rejecting with ${code}`);
}
