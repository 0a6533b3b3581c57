import process from 'node:process';
import { createLedger } from '../../../src/acme/ledger/ledger.ts';
import { systemClock } from '../../../src/clock.ts';

/**
 * A process that writes entries until it is killed, and prints `done <name>` for each durable one.
 */
const [root = '', directoryUrl = '', run = ''] = process.argv.slice(2);
const ledger = createLedger(root, directoryUrl, systemClock, (sentence) => console.log(sentence));
for (let count = 1; count <= 10_000; count++) {
  const name = `${count}.run-${run}.example.com`;
  await ledger.write({ event: 'validate', attempt: name, names: [name] });
  console.log(`done ${name}`);
}
