import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type OutputSlice,
  readAgentOutput,
  startOfTail,
} from '../../../src/application/queries/agent-output.ts';
import { checkNumberOf } from '../../../src/application/queries/check-output.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { noProof } from '../../../src/domain/verification.ts';
import { lacksProcesses, realProject, run, shell } from '../../helpers/real-project.ts';

const verify = { commands: ['make'], timeoutMs: 1_000, fixRounds: 0, protect: [] };
const proof = { ...noProof, checks: 2, command: 1 };

/** An agent with the logs of two checks. */
async function checked(t: TestContext) {
  const real = realProject(t);
  const agent: Agent = { ...(await run(real, [shell('a', 'echo of its own')])).agent('a'), verify, proof };
  const folder = real.project.host.checkLocation(agent, 2);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'stdout.log'), '1..2\nok 1\n');
  writeFileSync(join(folder, 'stderr.log'), 'not ok 2\u001b[31m\nend');
  const read = async (given: Partial<Parameters<typeof readAgentOutput>[1]>) =>
    readAgentOutput(real.project, {
      ...{ agent, view: 'readable', check: 2, tailLines: null, cursor: null, maxChars: 1_000 },
      ...given,
    });
  return { real, agent, read };
}

describe('the output of a check', () => {
  it('is readable as a whole, in pages and from its end', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const { real, agent, read } = await checked(t);
    assert.equal((await read({})).text, '1..2\nok 1\nnot ok 2\nend\n');
    const pages: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const page: OutputSlice = await read({ cursor, maxChars: 14 });
      pages.push(page.text);
      ({ cursor } = page);
      if (page.atEnd) break;
    }
    assert.equal(pages.join(''), '1..2\nok 1\nnot ok 2\nend\n');
    assert.ok(pages.length > 1);
    assert.equal((await read({ tailLines: 2 })).text, 'not ok 2\nend\n');
    assert.equal((await read({ view: 'stderr' })).text, 'not ok 2\u001b[31m\nend');
    assert.equal(await startOfTail(real.project, { agent, view: 'readable', check: 2 }, 2), '10');
    assert.equal((await read({ check: undefined })).text, 'of its own\n');
    assert.equal((await read({ check: 1 })).text, '');
  });

  it('is its stdout while the check runs', async (t) => {
    if (lacksProcesses(t, 'writes logs')) return;
    const { agent, read } = await checked(t);
    const running: Agent = { ...agent, state: 'running', stage: 'verifying' };
    const page = await read({ agent: running });
    assert.deepEqual([page.text, page.atEnd], ['1..2\nok 1\n', true]);
    assert.equal((await read({ cursor: page.cursor })).text, 'not ok 2\nend\n');
  });

  it('is chosen by number or as the last one', async (t) => {
    const real = realProject(t);
    const agent = (await run(real, [shell('a', 'true')])).agent('a');
    const checks = { ...agent, verify, proof };
    assert.deepEqual([checkNumberOf(checks, 'last'), checkNumberOf(checks, '1')], [2, 1]);
    const wrong = (given: Agent, asked: string, message: string) =>
      assert.throws(() => checkNumberOf(given, asked), { code: 'INVALID_INPUT', message });
    wrong(checks, '3', `Agent 'a' has no check "3": its checks are 1 to 2.`);
    wrong(checks, 'first', `Agent 'a' has no check "first": its checks are 1 to 2.`);
    wrong({ ...agent, verify }, 'last', `Agent 'a' has no check "last": none has started yet.`);
    wrong(agent, 'last', `Agent 'a' has no check "last": its plan has no checks.`);
  });
});
