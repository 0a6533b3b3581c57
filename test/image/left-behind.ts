import process from 'node:process';
import { baseImage } from './images.ts';
import { openEngine } from './open-engine.ts';

// Starts a container like a test does, prints its id, and waits to be ended.
const engine = await openEngine();
if (typeof engine === 'string') throw new Error(engine);
const image = await baseImage(engine);
const id = await engine.run(['run', '--detach', '--network', 'none', '--entrypoint', 'sleep', image, '1000']);
process.stdout.write(`${id.trim()}\n`);
setInterval(() => undefined, 1000);
