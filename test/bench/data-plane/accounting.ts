import { readdirSync, readFileSync } from 'node:fs';

/** The resources that a contender's processes have used, according to the kernel. */

/** The unit of /proc/<pid>/stat, USER_HZ: 100 per second on current Linux. */
const TICKS_PER_SECOND = 100;

/** A process and all its descendants. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? fieldsOf(Number(entry))?.parent : undefined;
    if (parent !== undefined) parents.set(Number(entry), parent);
  }
  const tree = [pid];
  for (const member of tree)
    for (const [child, parent] of parents) if (parent === member && !tree.includes(child)) tree.push(child);
  return tree;
}

/** Seconds of CPU time, user and system, that the processes have used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (fieldsOf(pid)?.ticks ?? 0), 0) / TICKS_PER_SECOND;
}

/**
 * Bytes of memory of the processes; memory shared by several of them counts once (PSS of
 * proc_pid_smaps_rollup).
 */
export function memoryBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + pssBytes(readProc(pid, 'smaps_rollup') ?? ''), 0);
}

export function pssBytes(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
}

/** Fields of proc_pid_stat(5). The name in brackets may contain anything. */
export function parseStat(stat: string): { parent: number; ticks: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

function fieldsOf(pid: number): { parent: number; ticks: number } | undefined {
  const stat = readProc(pid, 'stat');
  return stat === undefined ? undefined : parseStat(stat);
}

/** Undefined if the process has ended. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
