import process from 'node:process';

/**
 * Loaded before each file of tests: ends its process, with a failure that says what was left open, when the process is
 * still there after TEST_FILE_DEADLINE_MS. The runner's own timeout ends a test, not what the test has left behind.
 */
const deadlineMs = Number(process.env['TEST_FILE_DEADLINE_MS']);
const onTime = setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`${process.argv[1]}: not ended after ${deadlineMs} ms; still open: ${open}\n`);
  process.exit(1);
}, deadlineMs);
onTime.unref();
