/** The programs of the demo's team, written into its folder. They use only Node and sh: no network, no account. */
export const demoScripts: Readonly<Record<string, string>> = {
  'team/write-spec.mjs': `// Writes down what the others build and test from: the steps, and examples of what they give.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const steps = ['normalize letters', 'lower case', 'join words with dashes', 'trim dashes'];
const examples = [
  ['Hello, World!', 'hello-world'],
  ['  Crème Brûlée  ', 'creme-brulee'],
  ['3 Ways to Ship', '3-ways-to-ship'],
];

console.log('thinking about slugs');
await pause(500); // slow enough to watch
const file = join(process.env.MAOS_SHARED_CONTEXT, 'spec.md');
writeFileSync(
  file,
  ['# slugify(text)', '', 'Steps:', ...steps.map((step) => '- ' + step), '', 'Examples:',
    ...examples.map(([text, slug]) => '- ' + JSON.stringify(text) + ' -> ' + JSON.stringify(slug)), ''].join('\\n'),
);
await pause(500);
console.log('Wrote spec.md: ' + steps.length + ' steps, ' + examples.length + ' examples.');
`,
  'team/build.mjs': `// Builds slugify.mjs: a line of code for every step of the spec.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const code = {
  'normalize letters': ".normalize('NFKD').replace(/\\\\p{Mark}/gu, '')",
  'lower case': '.toLowerCase()',
  'join words with dashes': ".replace(/[^a-z0-9]+/g, '-')",
  'trim dashes': ".replace(/^-|-$/g, '')",
};

const spec = readFileSync(join(process.env.MAOS_SHARED_CONTEXT, 'spec.md'), 'utf8');
const steps = spec.split('Examples:')[0].match(/(?<=^- ).*/gm);
const lines = [];
for (const step of steps) {
  console.log('building: ' + step);
  await pause(300); // slow enough to watch
  if (!(step in code)) throw new Error('I do not know how to build: ' + step);
  lines.push('    ' + code[step]);
}
writeFileSync('slugify.mjs', 'export function slugify(text) {\\n  return text\\n' + lines.join('\\n') + ';\\n}\\n');
console.log('Built slugify.mjs from ' + steps.length + ' steps.');
`,
  'team/write-tests.mjs': `// Writes slugify.test.mjs: a test for every example of the spec. Runs beside build.mjs and does not see its work.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const spec = readFileSync(join(process.env.MAOS_SHARED_CONTEXT, 'spec.md'), 'utf8');
const examples = spec.split('Examples:')[1].match(/(?<=^- ).*/gm).map((line) => line.split(' -> '));
const tests = [];
for (const [text, slug] of examples) {
  console.log('writing a test for ' + text);
  await pause(400); // slow enough to watch
  tests.push('test(' + JSON.stringify(JSON.parse(text) + ' becomes ' + JSON.parse(slug)) + ', () => {\\n' +
    '  assert.equal(slugify(' + text + '), ' + slug + ');\\n});');
}
writeFileSync(
  'slugify.test.mjs',
  ["import assert from 'node:assert/strict';", "import { test } from 'node:test';",
    "import { slugify } from './slugify.mjs';", '', ...tests, ''].join('\\n'),
);
console.log('Wrote slugify.test.mjs: ' + examples.length + ' tests.');
`,
  'team/check.sh': `# Runs the tests on what the others made, and reports. $1 is the Node to use.
# The verdict is the exit status of the tests, not anybody's word.
results="$MAOS_SHARED_CONTEXT/../../results/checker"
echo "running node --test"
sleep 1 # slow enough to watch
"$1" --test --test-reporter=spec slugify.test.mjs > "$results/report.txt" 2>&1
status=$?
grep -E '^. (tests|pass|fail) ' "$results/report.txt" | sed 's/^. //'
echo "node --test exited with $status."
exit $status
`,
};
