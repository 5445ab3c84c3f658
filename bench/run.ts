import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { describeMachine } from './machine.ts';
import { isWithin, type Measurement, type Row } from './measurement.ts';
import { renderTable } from './report.ts';
import { agentClis } from './rows/agent-clis.ts';
import { agentOverhead } from './rows/agent-overhead.ts';
import { dashboard } from './rows/dashboard.ts';
import { eras } from './rows/eras.ts';
import { events } from './rows/events.ts';
import { http } from './rows/http.ts';
import { inFlight } from './rows/in-flight.ts';
import { liveInput } from './rows/live-input.ts';
import { manyAgents } from './rows/many-agents.ts';
import { manyFiles } from './rows/many-files.ts';
import { orchestration } from './rows/orchestrate.ts';
import { queries } from './rows/queries.ts';
import { remote } from './rows/remote.ts';
import { retention } from './rows/retention.ts';
import { sizes } from './rows/sizes.ts';
import { startup } from './rows/startup.ts';
import { landing, worktrees } from './rows/worktrees.ts';
import { closeAll } from './workplace.ts';

const rows: readonly Row[] = [
  startup,
  eras,
  queries,
  inFlight,
  orchestration,
  agentOverhead,
  agentClis,
  liveInput,
  manyAgents,
  remote,
  events,
  http,
  dashboard,
  retention,
  worktrees,
  manyFiles,
  landing,
  sizes,
];
const names = rows.map(({ name }) => name).join(', ');
const results = fileURLToPath(new URL('results', import.meta.url));

const usage = `Measures the built MAOS (dist/maos.js) beside its floors and prints one table.

  npm run bench -- [--quick] [--only ROW]...

  --quick      few repetitions: shows that every row works, not how fast it is
  --only ROW   only this row; repeatable. Rows: ${names}

Exit status 1 when a row got no answer or a wrong one; slowness never fails.`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const unknown = values.only.find((name) => !rows.some((row) => row.name === name));
if (values.help) {
  process.stdout.write(`${usage}\n`);
} else if (unknown !== undefined) {
  process.stderr.write(`There is no row '${unknown}'. Rows: ${names}.\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await run(
    rows.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
  );
}

/** @returns the exit status */
async function run(chosen: readonly Row[]): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void closeAll().then(() => process.exit(130)));
  }
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const measurements: Measurement[] = [];
  const broken: { readonly row: string; readonly error: string }[] = [];
  const say = (text: string): boolean => process.stderr.write(`${text}\n`);
  for (const { name, measure } of chosen) {
    say(`${name} …`);
    try {
      measurements.push(...(await measure({ quick: values.quick, say: (text) => void say(`  ${text}`) })));
    } catch (error) {
      broken.push({
        row: name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }
  const { cpu, cores, memoryGb, system, node, load } = machine;
  process.stdout.write(
    `\nMAOS ${manifest.version}${values.quick ? ', quick: too few repetitions to judge by' : ''}. ` +
      `Node ${node} on ${system}, ${cores} × ${cpu}, ${memoryGb} GB, load at start ${load.join(' ')}.\n\n`,
  );
  if (measurements.length > 0) process.stdout.write(`${renderTable(measurements)}\n\n`);
  for (const { row, error } of broken) process.stdout.write(`${row} is broken: ${error}\n`);
  save(startedAt, {
    startedAt,
    version: manifest.version,
    quick: values.quick,
    machine,
    measurements: measurements.map(withVerdicts),
    broken,
  });
  return broken.length === 0 ? 0 : 1;
}

function withVerdicts(measurement: Measurement): object {
  const { must, aim } = measurement;
  const verdict = (limit: Measurement['must']) => (limit === null ? null : isWithin(measurement, limit));
  return { ...measurement, isMust: verdict(must), isAim: verdict(aim) };
}

function save(startedAt: string, report: object): void {
  mkdirSync(results, { recursive: true });
  const text = `${JSON.stringify(report, null, 2)}\n`;
  for (const name of [startedAt.replaceAll(':', '-'), 'latest'])
    writeFileSync(join(results, `${name}.json`), text);
}
