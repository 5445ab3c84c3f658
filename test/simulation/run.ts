import { parseArgs } from 'node:util';
import { play } from './history.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});

/** As a table of what happened how often. */
const ends = new Map<string, number>();
let bad = 0;
const began = performance.now();
const first = Number(values.only ?? values.seed);
const count = values.only === undefined ? Number(values.histories) : 1;
for (let seed = first; seed < first + count; seed++) {
  const outcome = await play(seed, (world) => {
    if (values.only !== undefined) world.trace = [];
  });
  for (const end of outcome.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
  if (values.only !== undefined) console.log(JSON.stringify(outcome, null, 1));
  if (outcome.complaints.length === 0) continue;
  bad += 1;
  if (bad <= 20)
    console.log(`seed ${seed}: ${outcome.complaints.join('; ')}\n  ${outcome.faults.join('; ')}`);
}
const seconds = (performance.now() - began) / 1_000;
console.log(`${count} histories from seed ${first}: ${bad} bad, ${seconds.toFixed(1)} s`);
console.log([...ends].map(([end, times]) => `${times} ${end}`).join(', '));
process.exitCode = bad === 0 ? 0 : 1;
