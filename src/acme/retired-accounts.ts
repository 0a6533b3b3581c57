import { join } from 'node:path';
import * as z from 'zod';
import { createJsonFile, folderNameOf } from '../volume.ts';

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

/** What is noted of the accounts at one certificate authority, beside certbot's own files. These throw STORE_FAILED. */
export interface EndedAccounts {
  /** A note that cannot be read is none: an account that is used again is found out again. */
  all(): Promise<readonly EndedAccount[]>;
  add(note: EndedAccount): Promise<void>;
}

export function createEndedAccounts(
  root: string,
  directoryUrl: string,
  warn: (message: string) => void,
): EndedAccounts {
  const file = createJsonFile({
    path: join(root, 'dstack-ingress', 'accounts', `${folderNameOf(directoryUrl)}.json`),
    title: 'the list of ended accounts ',
    parse: (value) => z.array(noteSchema).readonly().parse(value),
    loss: 'an account in it may be tried once more',
    warn,
  });
  return {
    all: async () => (await file.peek()) ?? [],
    async add(note) {
      const others = ((await file.load()) ?? []).filter(({ account }) => account !== note.account);
      await file.save([...others, note]);
    },
  };
}
