import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

/** Files that may wait for a fixed time, and why. Tests wait with test/helpers/waiting.ts. */
const allowed: Readonly<Record<string, string>> = {
  'test/helpers/waiting.ts': 'this is how tests wait',
  'test/helpers/client-installation.ts': 'tries a registry again',
  'test/helpers/real-project.ts': 'a limit for what should have ended',
  'test/helpers/acp-agents.ts': 'agents that take their time',
  'test/helpers/scripted-model.ts': 'a model that takes its time',
  'test/helpers/scripted-chat-model.ts': 'a model that takes its time',
  'test/infrastructure/sqlite/fixtures/store-process.ts': 'a program that holds a lock for some time',
};

/** Not part of `npm test`: real clients and their recordings, chaos, conformance. */
const elsewhere = ['test/clients/', 'test/chaos/', 'test/conformance/', 'test/fixtures/'];

const waits = [
  /import \{[^}]*\bsetTimeout\b[^}]*\} from 'node:timers\/promises'/,
  /new Promise\b[^;]*?\bsetTimeout\(/,
  /\bawait setTimeout\(/,
];

it('no test sleeps but with a helper, which asks what for', () => {
  const root = join(import.meta.dirname, '../..');
  const sleeping = globSync('test/**/*.ts', { cwd: root })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => !elsewhere.some((folder) => file.startsWith(folder)))
    .filter((file) => waits.some((wait) => wait.test(readFileSync(join(root, file), 'utf8'))));
  assert.deepEqual(sleeping.toSorted(), Object.keys(allowed).toSorted());
});
