import { describe } from 'node:test';
import { failureContract } from './failures.ts';
import { readContract } from './reads.ts';
import { repetitionContract } from './repetition.ts';
import { runContract } from './runs.ts';
import type { ContractSetup } from './world.ts';
import { writeContract } from './writes.ts';
import { zoneContract } from './zones.ts';

/**
 * The guarantees of every DNS provider (src/dns/provider.ts), as tests. A provider passes with a
 * simulator that is as strict as its API; tests of its own cover its quirks.
 */
export function providerContract(name: string, setup: ContractSetup): void {
  describe(`${name}: zones`, { concurrency: true }, () => zoneContract(setup));
  describe(`${name}: reads`, { concurrency: true }, () => readContract(setup));
  describe(`${name}: writes`, { concurrency: true }, () => writeContract(setup));
  describe(`${name}: repetition`, { concurrency: true }, () => repetitionContract(setup));
  describe(`${name}: runs`, { concurrency: true }, () => runContract(setup));
  describe(`${name}: failures`, { concurrency: true }, () => failureContract(setup));
}
