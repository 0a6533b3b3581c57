import { cas } from './ca.ts';
import { clocks } from './clock.ts';
import { containers } from './containers.ts';
import { crashes } from './crash.ts';
import { disks } from './disk.ts';
import { dnses } from './dns.ts';
import { images } from './image.ts';
import { limits } from './limits.ts';
import type { Mutant } from './mutant.ts';
import { names } from './names.ts';
import { providers } from './provider.ts';
import { proxies } from './proxy.ts';
import { renewals } from './renewal.ts';
import { takeovers } from './takeover.ts';

/** Every mutant, class by class. */
export const mutants: readonly Mutant[] = [
  ...crashes,
  ...disks,
  ...clocks,
  ...cas,
  ...dnses,
  ...providers,
  ...proxies,
  ...images,
  ...names,
  ...takeovers,
  ...containers,
  ...limits,
  ...renewals,
];
