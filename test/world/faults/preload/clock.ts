import { readFileSync } from 'node:fs';
import process from 'node:process';

/**
 * A preload (`node --import`) that shifts the time of day by the milliseconds in the file CLOCK_OFFSET_FILE, which is read each time
 * that the program asks. Timers go on as they do when somebody sets a clock.
 */
const { CLOCK_OFFSET_FILE: file } = process.env;

if (file !== undefined) {
  const RealDate = Date;
  const realNow = Date.now;
  const now = () => realNow() + Number(readFileSync(file, 'utf8'));
  // No subclass: what Node.js makes itself, such as the times of a file, has to stay an instance of it.
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
    apply: () => new RealDate(now()).toString(),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  RealDate.prototype.constructor = globalThis.Date;
}
