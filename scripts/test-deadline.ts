import process from 'node:process';

/**
 * Loaded before each test file: if the process still runs after TEST_FILE_DEADLINE_MS, ends it with
 * a failure that lists what is still open. The runner's own timeout ends a test, but not what the
 * test leaves open.
 */
const deadlineMs = Number(process.env['TEST_FILE_DEADLINE_MS']);
const onTime = setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`${process.argv[1]}: still running after ${deadlineMs} ms; open handles: ${open}\n`);
  process.exit(1);
}, deadlineMs);
onTime.unref();
