import { join } from 'node:path';
import * as z from 'zod';
import { makeDirectory, readIfThere, writeAtomically } from '../files.ts';
import { directorySlug } from './ledger/directory-slug.ts';

const noteSchema = z
  .object({
    /** The folder of the account below that of its server. */
    account: z.string(),
    /** Its URL, where it had one. */
    url: z.string().optional(),
    /** ISO 8601. */
    at: z.string(),
    /** For a person. */
    why: z.string(),
  })
  .readonly();

/** An account that is not used any more. Its folder stays where certbot has it. */
export type EndedAccount = z.infer<typeof noteSchema>;

/** What is noted of the accounts at one certificate authority, beside certbot's own files. These reject with what the volume says. */
export interface EndedAccounts {
  /** A note that cannot be read is none: an account that is used again is found out again. */
  all(): Promise<readonly EndedAccount[]>;
  add(note: EndedAccount): Promise<void>;
}

export function createEndedAccounts(root: string, directoryUrl: string): EndedAccounts {
  const folder = join(root, 'dstack-ingress', 'accounts');
  const path = join(folder, `${directorySlug(directoryUrl)}.json`);

  async function all(): Promise<readonly EndedAccount[]> {
    const text = await readIfThere(path);
    return text === undefined ? [] : parse(text);
  }

  return {
    all,
    async add(note) {
      const others = (await all()).filter(({ account }) => account !== note.account);
      await makeDirectory(folder, 0o700);
      await writeAtomically(path, `${JSON.stringify([...others, note], undefined, 2)}\n`, 0o600);
    },
  };
}

function parse(text: string): readonly EndedAccount[] {
  try {
    return z.array(noteSchema).parse(JSON.parse(text));
  } catch {
    return [];
  }
}
