// Runs the tests, or those that take long (argument `slow`), and counts the lines of src/ that run, in the test processes
// and in those of the bundle. After the slow ones, checks a gate for each folder against what both have run, because
// node:test supports only one for everything. Files that are never loaded count as not run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { linesRun, scriptsIn } from './bundle-coverage.ts';
import {
  type FileLines,
  type Gate,
  lineCoverage,
  linesOf,
  percentOf,
  together,
  unmet,
} from './line-coverage.ts';
import { makeScratchFolder } from './scratch-folder.ts';
import { notAllowed } from './skips.ts';
import { stripTypes } from './stripped-types.ts';

const root = join(import.meta.dirname, '../..');
// Not measured, because most of it runs in a browser only.
const page = 'src/presentation/page/';
const withParts = ['src/infrastructure/', 'src/presentation/'].flatMap((folder) => [
  folder,
  ...foldersIn(folder),
]);
const measured = ['src/', 'src/application/', ...withParts].filter((folder) => folder !== page);
const gates: Gate[] = measured.map((folder) => ({ folder, minimumPercent: 90 }));
gates.push({ folder: 'src/domain/', minimumPercent: 95 });

const isSlow = process.argv[2] === 'slow';
const folder = join(root, 'coverage', isSlow ? 'slow' : 'quick');
const report = join(folder, 'lcov.info');
const skips = join(folder, 'skipped-tests.jsonl');
const quickLines = join(root, 'coverage/quick/lines.json');
rmSync(isSlow ? folder : join(root, 'coverage'), { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const stripped = join(root, 'coverage/stripped');
stripTypes(root, stripped);
const scratch = makeScratchFolder();
const inBundle = join(scratch, 'bundle-coverage');
mkdirSync(inBundle);
const env = { ...process.env, TMPDIR: scratch, MAOS_TEST_BUNDLE_COVERAGE: inBundle };

process.on('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
const run = spawnSync(
  process.execPath,
  [
    '--import',
    join(stripped, 'test/tooling/preload.js'),
    '--test',
    // Tests mostly wait for other processes.
    `--test-concurrency=${(isSlow ? 2 : 3) * availableParallelism()}`,
    '--test-timeout=600000',
    '--experimental-test-coverage',
    '--test-coverage-include-all',
    '--test-coverage-include=src/**',
    `--test-coverage-exclude=${page}**`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=lcov',
    `--test-reporter-destination=${report}`,
    `--test-reporter=${join(import.meta.dirname, 'skips.ts')}`,
    `--test-reporter-destination=${skips}`,
    isSlow ? 'test/**/*.slow.ts' : 'test/**/*.test.ts',
  ],
  // A test file whose process never yields cannot enforce its own time limit. After this time, the runner is asked to
  // end, and names the file.
  { cwd: root, stdio: 'inherit', timeout: 20 * 60_000, env },
);
if (run.status !== 0) {
  const why = run.error?.message ?? run.signal ?? `exit ${run.status}`;
  process.stderr.write(`The tests failed (${why}).\n`);
  process.exit(1);
}

const bundle = join(root, 'dist/maos.js');
const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8'));
const scripts = scriptsIn(inBundle, pathToFileURL(bundle).href);
const bundled = linesRun(readFileSync(bundle, 'utf8'), map, scripts);
const own = linesOf(readFileSync(report, 'utf8'), bundled);
if (!isSlow) writeFileSync(quickLines, JSON.stringify(own));
const quick: readonly FileLines[] =
  isSlow && existsSync(quickLines) ? JSON.parse(readFileSync(quickLines, 'utf8')) : [];
const files = lineCoverage(together(own, quick));
for (const { folder } of gates) {
  process.stdout.write(`${percentOf(folder, files).toFixed(1)} % of the lines of ${folder} were run.\n`);
}
// The quick tests alone do not have to run every line.
const complaints = quick.length === 0 ? [] : unmet(gates, files);
// In CI, a test that does not run counts as missing.
if (process.env.CI) {
  const list = readFileSync(join(import.meta.dirname, 'allowed-skips.json'), 'utf8');
  complaints.push(...notAllowed(readFileSync(skips, 'utf8'), list));
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
process.exitCode = complaints.length === 0 ? 0 : 1;

/** The folders in a folder of the repository, with a slash at the end. */
function foldersIn(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [`${folder}${entry.name}/`] : []));
}
