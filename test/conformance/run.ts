/**
 * Runs the official MCP conformance suites against the built MAOS, and against its server with the fixtures of the
 * suites. Prints a table. Exit status 1 on any deviation: the fixture server must pass everything, MAOS everything
 * except its baseline.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';
import { openBridge } from './bridge.ts';
import { openHttpServer } from './http-process.ts';
import { installSuite, runSuite, type Suite } from './suite.ts';
import { judge, scenariosIn, type Verdict } from './verdict.ts';

interface Target {
  readonly name: string;
  readonly script: readonly [string, ...string[]];
  /** `stdio`: behind a bridge to HTTP. `http`: serves HTTP itself, and prints its address. */
  readonly over: 'stdio' | 'http';
  readonly serves: keyof Baselines;
}

/** The scenarios that must fail: files; null: none. */
interface Baselines {
  readonly fixtures: string | null;
  readonly maos: string | null;
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const newest = '0.2.0-alpha.12';
const baseline = 'maos-baseline.yml';

const suites: readonly (Suite & { readonly baselines: Baselines })[] = [
  { version: '0.1.16', options: ['--suite', 'all'], baselines: { fixtures: null, maos: baseline } },
  {
    version: newest,
    options: ['--requirements', '2025-11-25', '--timeout', '120000'],
    baselines: { fixtures: null, maos: baseline },
  },
  {
    version: newest,
    options: ['--requirements', '2026-07-28', '--timeout', '120000'],
    baselines: { fixtures: 'fixtures-baseline-2026.yml', maos: 'maos-baseline-2026.yml' },
  },
];

const targets: readonly Target[] = [
  { name: 'fixtures', over: 'stdio', script: [file('fixture-server.ts')], serves: 'fixtures' },
  { name: 'maos serve', over: 'stdio', script: [bundle, 'serve'], serves: 'maos' },
  { name: 'fixtures, http', over: 'http', script: [file('http-server.ts'), 'fixtures'], serves: 'fixtures' },
  { name: 'maos, http', over: 'http', script: [file('http-server.ts'), 'maos'], serves: 'maos' },
];

const begunAt = performance.now();
const scripts: string[] = [];
for (const suite of suites) scripts.push(await installSuite(suite));
const installedAt = performance.now();
const runs = suites.flatMap((suite, index) =>
  targets.map((target) => run(suite, scripts[index] as string, target)),
);
const rows = await Promise.all(runs);
process.stdout.write(table(rows));
for (const { title, verdict } of rows) {
  for (const deviation of verdict.deviations) process.stdout.write(`${title}: ${deviation}\n`);
}
const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
const installation = seconds(begunAt, installedAt);
process.stdout.write(
  `${seconds(installedAt, performance.now())}, after ${installation} for the installation\n`,
);
process.exitCode = rows.some(({ verdict }) => verdict.deviations.length > 0) ? 1 : 0;

interface Row {
  readonly title: string;
  readonly verdict: Verdict;
}

async function run(suite: (typeof suites)[number], script: string, target: Target): Promise<Row> {
  const { name, over, script: server, serves } = target;
  const named = suite.baselines[serves];
  const baseline = named === null ? null : file(named);
  const folder = await MaosFolder.make();
  try {
    const results = join(folder.project, 'results');
    await mkdir(results);
    const open = over === 'stdio' ? openBridge : openHttpServer;
    const served = await open({ script: server, folder: folder.project, env: folder.env });
    const report = await runSuite(script, suite, served.url, results, baseline);
    const problems = await served.close();
    const expected = baseline === null ? [] : scenariosIn(await readFile(baseline, 'utf8'));
    const verdict = judge(report, expected);
    return {
      title: `${suite.options[1]} (${suite.version}), ${name}`,
      verdict: { ...verdict, deviations: [...verdict.deviations, ...problems] },
    };
  } finally {
    await folder.remove();
  }
}

function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ title }) => title.length));
  const numbers = ['passed', 'failed', 'expected', 'checks'] as const;
  const cells = (title: string, values: readonly (string | number)[]): string =>
    `${title.padEnd(width)} ${values.map((value) => String(value).padStart(9)).join('')}\n`;
  return [
    cells('scenarios', [...numbers, 'wrong']),
    ...rows.map(({ title, verdict }) =>
      cells(title, [...numbers.map((key) => verdict[key]), verdict.deviations.length]),
    ),
  ].join('');
}
