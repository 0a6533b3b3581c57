import type { Mutant } from './mutant.ts';

const DISK = {
  file: 'test/faults/disk.test.ts',
  test: 'a volume that cannot be written from some step of a first start on, until it is repaired',
};
const BLOCKED = {
  file: 'test/e2e/restart.test.ts',
  test: 'a volume that cannot be written: the certificate is served, ordered once, and stored once that is possible',
};
const LOOP = {
  file: 'test/e2e/restarts.test.ts',
  test: '60 restarts on a volume that refuses the certificate: it is issued once',
};
const DELETED = 'test/e2e/deleted-volume.test.ts';

export const disks: readonly Mutant[] = [
  {
    id: 'disk-failure-to-store-forgotten',
    class: 'disk',
    file: 'src/reconcile/install.ts',
    search: '    state.unsaved = { bundle, complete, failure };\n',
    replace: '    state.unsaved = undefined;\n',
    killedBy: [{ file: 'src/reconcile/issue.test.ts' }, BLOCKED],
    note: 'The failure to store a certificate is forgotten.',
  },
  {
    id: 'disk-order-completed-before-stored',
    class: 'disk',
    file: 'src/reconcile/install.ts',
    search: '    await store.save(names, bundle);\n    await complete();\n',
    replace: '    await complete();\n    await store.save(names, bundle);\n',
    killedBy: [{ file: 'src/reconcile/issue.test.ts' }, LOOP],
    note: 'The order is completed before its certificate is stored; each restart orders again.',
  },
  {
    id: 'disk-order-without-ledger',
    class: 'disk',
    file: 'src/acme/ledger/ledger.ts',
    search: '        if (reason === undefined) await write(state, entry);\n',
    replace: '        if (reason === undefined) await write(state, entry).catch(() => undefined);\n',
    killedBy: [
      { file: 'src/acme/issuance.test.ts' },

      { ...DISK, rows: 'full[^:]*: write dstack-ingress/ledger/' },
    ],
    note: 'An order is created although the ledger cannot be written.',
  },
  {
    id: 'disk-finalization-without-ledger',
    class: 'disk',
    file: 'src/acme/ledger/ledger.ts',
    search: "    write: (entry) => run('write', () => write(state, entry)),\n",
    replace: "    write: (entry) => run('write', () => write(state, entry)).catch(() => undefined),\n",
    killedBy: [
      { ...DISK, rows: 'full[^:]*: write dstack-ingress/ledger/' },
      { file: 'src/acme/ledger/ledger.test.ts' },
    ],
    note: 'The CA is called although the ledger cannot be written.',
  },
  {
    id: 'disk-challenge-without-journal',
    class: 'disk',
    file: 'src/records/journal.ts',
    search: '    await journalOf(domain).write(own.map((record) => toEntry(provider.name, zone, record)));\n',
    replace:
      '    await journalOf(domain)\n      .write(own.map((record) => toEntry(provider.name, zone, record)))\n      .catch(() => undefined);\n',
    killedBy: [
      { file: 'src/reconcile/apply-challenges.test.ts' },
      { ...DISK, rows: 'full[^:]*: write dstack-ingress/challenges/' },
    ],
    note: 'A challenge is published although the journal cannot be written.',
  },
  {
    id: 'disk-key-not-stored-and-finalized',
    class: 'disk',
    file: 'src/acme/issuance.ts',
    search: '  await orders.save(key, { ...stored, keyPem });\n',
    replace: '  await orders.save(key, { ...stored, keyPem }).catch(() => undefined);\n',
    killedBy: [
      { ...DISK, rows: 'full[^:]*: write dstack-ingress/orders/' },
      { file: 'src/acme/issuance.test.ts' },
    ],
    note: 'An order is finalized although its key could not be stored.',
  },
  {
    id: 'disk-torn-line-continued',
    class: 'disk',
    file: 'src/acme/ledger/segments.ts',
    search: '  return buffer[0] !== LINE_BREAK;\n',
    replace: '  return buffer[0] === undefined;\n',
    killedBy: [
      { file: 'src/acme/ledger/segments.test.ts' },
      { ...DISK, rows: 'full[^:]*: write dstack-ingress/ledger/' },
    ],
    note: 'A ledger entry is appended to a torn line, and both are lost.',
  },
  {
    id: 'disk-not-flushed',
    class: 'disk',
    file: 'src/files.ts',
    search: '      await file.sync();\n',
    replace: '',
    killedBy: [
      { file: 'src/files.test.ts' },
      {
        file: 'test/e2e/fault-points.test.ts',
        test: 'a first start: the order, the challenge, the finalization and every file of the volume are points',
      },
    ],
    note: 'Files are renamed before their content is durable.',
  },
  {
    id: 'disk-directory-not-flushed',
    class: 'disk',
    file: 'src/files.ts',
    search: '  await syncDirectory(dirname(path));\n',
    replace: '',
    killedBy: [
      { file: 'src/files.test.ts' },
      {
        file: 'test/e2e/fault-points.test.ts',
        test: 'a first start: the order, the challenge, the finalization and every file of the volume are points',
      },
    ],
    note: 'A renamed file is not durable, because its directory is not synced.',
  },
  {
    id: 'disk-written-in-place',
    class: 'disk',
    file: 'src/files.ts',
    search:
      "  const temporary = `${path}.${randomUUID()}.tmp`;\n  try {\n    const file = await open(temporary, 'wx', mode);\n",
    replace: "  const temporary = path;\n  try {\n    const file = await open(temporary, 'w', mode);\n",
    killedBy: [
      { ...DISK, rows: 'full[^:]*: write dstack-ingress/(?:orders|challenges)/' },
      {
        file: 'test/faults/kills.test.ts',
        test: 'SIGKILL at every step of a first start',
        rows: 'kill-torn ',
      },
      { file: 'src/files.test.ts' },
    ],
    note: 'Files are written in place; a crash or a full disk leaves half a file.',
  },
  {
    id: 'disk-not-warned-of',
    class: 'disk',
    file: 'src/reconcile/install.ts',
    search: '  await warnOfVolume(deps, certificate);\n',
    replace: '',
    killedBy: [
      { file: 'src/reconcile/unwritable.test.ts' },
      {
        file: 'test/e2e/volume.test.ts',
        test: 'a volume whose folders another user owns: the ingress serves, and warns at once',
      },
    ],
    note: 'No warning says in advance that the volume cannot be written.',
  },
  {
    id: 'disk-whose-it-is-not-said',
    class: 'disk',
    file: 'src/volume.ts',
    search: "    case 'EACCES':\n",
    replace: '',
    killedBy: [
      { file: 'src/volume.test.ts' },
      {
        file: 'test/e2e/volume.test.ts',
        test: 'a volume that another user owns completely: the error names the owner and the fix',
      },
    ],
    note: 'The error does not name the owner of the volume.',
  },
  {
    id: 'disk-read-only-taken-for-passing',
    class: 'disk',
    file: 'src/volume.ts',
    search: "    case 'EROFS':\n",
    replace: "    case 'EROFS?':\n",
    killedBy: [
      { file: 'src/volume.test.ts' },
      {
        file: 'test/e2e/volume.test.ts',
        test: 'a first start on a read-only volume needs the operator: unhealthy at once, with the fix',
      },
    ],
    note: 'A read-only mount counts as a transient fault.',
  },
  {
    id: 'disk-deleted-volume-hangs',
    class: 'disk',
    file: 'src/files.ts',
    search:
      '    return await mkdir(path, { mode });\n  } catch (thrown) {\n    if (await isDirectory(path)) return;\n',
    replace:
      '    await mkdir(path, { mode, recursive: true });\n    return;\n  } catch (thrown) {\n    if (await isDirectory(path)) return;\n',
    killedBy: [
      {
        file: DELETED,
        test: 'it is deleted before the start reads it: the error names the directory that cannot be created, and SIGTERM ends the program',
      },
    ],
    note: 'Creating a directory below a deleted mount never returns.',
  },
  {
    id: 'disk-deleted-volume-not-seen',
    class: 'disk',
    file: 'src/volume.ts',
    search: '  return (await stat(path)).nlink === 0;\n',
    replace: '  return (await stat(path)).nlink < 0;\n',
    killedBy: [
      {
        file: DELETED,
        test: 'the volume’s source is deleted: the log says so, the certificate stays in service, and SIGTERM ends the program',
      },
    ],
    note: 'No message says that the volume was deleted on the host.',
  },
];
