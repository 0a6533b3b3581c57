import { dirname } from 'node:path';
import { makeDirectory, readIfThere, writeAtomically } from '../../../../src/files.ts';

/** A value that outlives its process, like the disk of a provider or a name server. */
export interface State<T> {
  /** The value that was saved last, or undefined. */
  load(): Promise<T | undefined>;
  save(value: T): Promise<void>;
}

/** A JSON file that only `save` writes, so its content has the right type. */
export function createState<T>(file: string): State<T> {
  return {
    async load() {
      const text = await readIfThere(file);
      return text === undefined ? undefined : JSON.parse(text);
    },
    async save(value) {
      await makeDirectory(dirname(file), 0o755);
      await writeAtomically(file, JSON.stringify(value), 0o644);
    },
  };
}
