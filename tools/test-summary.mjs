// Reads vitest's JSON report and says in one line what came of it. Fails when a test failed, when no
// test ran, or when kernel tests were skipped on a machine that could have run them.
// Usage: node tools/test-summary.mjs TESTS.json DOCTOR.json
import fs from 'node:fs';

const [testsFile, doctorFile] = process.argv.slice(2);
const tests = readTests(JSON.parse(fs.readFileSync(testsFile, 'utf8')));
const skippedKernelTests = tests.filter(
  ({ file, outcome }) => file.endsWith('.kernel.test.ts') && outcome === 'skipped',
);
const kernelMustRun = runsKernelTests(JSON.parse(fs.readFileSync(doctorFile, 'utf8')));

if (kernelMustRun && skippedKernelTests.length > 0) {
  console.log('ci: root and io_uring are here, and yet these kernel tests were skipped:');
  for (const { file, name } of skippedKernelTests) console.log(`  ${file}: ${name}`);
  process.exitCode = 1;
}
if (count('failed') > 0 || count('passed') === 0) process.exitCode = 1;
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);

function readTests(report) {
  return report.testResults.flatMap(({ name: file, status, assertionResults }) => {
    // A file that does not load has no tests to count, and has failed all the same.
    if (assertionResults.length === 0 && status === 'failed') {
      return [{ file, name: 'the file itself', outcome: 'failed' }];
    }
    return assertionResults.map(({ fullName, status: state }) => ({
      file,
      name: fullName,
      outcome: state === 'passed' || state === 'failed' ? state : 'skipped',
    }));
  });
}

function runsKernelTests({ checks }) {
  return ['root', 'io_uring'].every((wanted) =>
    checks.some(({ name, ok }) => name === wanted && ok),
  );
}

function count(wanted) {
  return tests.filter(({ outcome }) => outcome === wanted).length;
}
