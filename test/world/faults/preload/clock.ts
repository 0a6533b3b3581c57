import { readFileSync } from 'node:fs';
import process from 'node:process';

/**
 * A preload (`node --import`) that shifts the time of day by the milliseconds in the file
 * CLOCK_OFFSET_FILE, which is read at every access. Timers are unaffected, as when an operator sets
 * the clock.
 */
const { CLOCK_OFFSET_FILE: file } = process.env;

if (file !== undefined) {
  const RealDate = Date;
  const realNow = Date.now;
  const now = () => realNow() + Number(readFileSync(file, 'utf8'));
  // Not a subclass: dates that Node.js creates itself, such as file times, have to remain instances
  // of it.
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  RealDate.prototype.constructor = globalThis.Date;
}
