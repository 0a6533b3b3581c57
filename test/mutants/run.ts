import process from 'node:process';
import { haproxyOfImage } from '../world/debian/debian-haproxy.ts';
import { mutants } from './all.ts';
import type { Killer, Mutant } from './mutant.ts';
import { copyTree, type Tree } from './tree.ts';
import { type Outcome, run, runKiller } from './trial.ts';

/**
 * Applies each mutant to a copy of the repository and runs the tests that should notice it. Each of
 * them runs on the unchanged code first: a test that fails there proves nothing. Ends with 1 when a
 * mutant survives or cannot be tried. MUTANTS_AT_ONCE are tried concurrently, 1 by default: most
 * tests wait more than they compute.
 */

type Verdict = 'killed' | 'SURVIVED' | 'not tried';

const wanted = process.argv.slice(2);
const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.some((word) => id.startsWith(word)));
if (chosen.length === 0) {
  process.stderr.write(`no mutant has an ID that starts with ${wanted.join(' or ')}\n`);
  process.exit(64);
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
// The same HAProxy as in scripts/test.ts.
process.env['HAPROXY_BIN'] ??= await haproxyOfImage();

const counts = new Map<Verdict, number>();
/** Whether each killer passes on the unchanged code, by its description. */
const soundness = new Map<string, Promise<boolean>>();
const queue = chosen.values();
try {
  await Promise.all(Array.from({ length: Number(process.env['MUTANTS_AT_ONCE'] ?? 1) }, work));
} catch (thrown) {
  if (!stop.signal.aborted) throw thrown;
}
process.stdout.write(`${[...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')}\n`);
process.exitCode = stop.signal.aborted || counts.has('SURVIVED') || counts.has('not tried') ? 1 : 0;

/** Tries mutants from the queue in its own tree until the queue is empty. */
async function work(): Promise<void> {
  using tree = copyTree(process.cwd());
  for (const mutant of queue) {
    const verdict = await tryOne(tree, mutant);
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  }
}

async function tryOne(tree: Tree, mutant: Mutant): Promise<Verdict> {
  const started = Date.now();
  const say = (verdict: Verdict, why: string) => {
    const seconds = Math.round((Date.now() - started) / 1000);
    process.stdout.write(`${verdict.padEnd(9)} ${mutant.id} (${seconds} s): ${why}\n`);
    return verdict;
  };
  if (!tree.applies(mutant))
    return say('not tried', `its text does not occur exactly once in ${mutant.file}`);
  const sound: Killer[] = [];
  for (const killer of mutant.killedBy) {
    if (!(await isSound(tree, killer))) continue;
    sound.push(killer);
    using _ = tree.mutate(mutant);
    await build(tree);
    const outcome = await runKiller(tree.root, killer, stop.signal);
    if (!passes(outcome, killer)) return say('killed', describe(killer));
  }
  if (sound.length === 0)
    return say('not tried', `these fail on the unchanged code: ${mutant.killedBy.map(describe).join('; ')}`);
  return say('SURVIVED', `${mutant.note} (${sound.map(describe).join('; ')})`);
}

/** Whether a killer passes on the unchanged code; it runs once. */
async function isSound(tree: Tree, killer: Killer): Promise<boolean> {
  const name = describe(killer);
  const result = soundness.get(name) ?? examine(tree, killer);
  soundness.set(name, result);
  return result;
}

async function examine(tree: Tree, killer: Killer): Promise<boolean> {
  await build(tree);
  const outcome = await runKiller(tree.root, killer, stop.signal);
  const isGood = passes(outcome, killer);
  if (!isGood) process.stdout.write(`fails on the unchanged code: ${describe(killer)}\n${outcome.output}\n`);
  return isGood;
}

/**
 * A run that finds no tests also exits with 0. With `rows`, at least one row must pass in addition
 * to its parent.
 */
function passes({ passed, failed, exitCode, isLate }: Outcome, { rows }: Killer): boolean {
  return exitCode === 0 && !isLate && failed === 0 && passed > (rows === undefined ? 0 : 1);
}

async function build({ root }: Tree): Promise<void> {
  const { exitCode, output } = await run(['scripts/build'], root, stop.signal);
  if (exitCode !== 0) throw new Error(`scripts/build fails:\n${output}`);
}

function describe({ file, test, rows }: Killer): string {
  return [
    file,
    ...(test === undefined ? [] : [`"${test}"`]),
    ...(rows === undefined ? [] : [`/${rows}/`]),
  ].join(' ');
}
