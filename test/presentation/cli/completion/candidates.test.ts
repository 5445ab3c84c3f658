import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { complete, type KnownWords } from '../../../../src/presentation/cli/completion/candidates.ts';
import { commandGroups } from '../../../../src/presentation/cli/program.ts';

const commands = commandGroups.flatMap(([, group]) => group);
const words = (...list: readonly string[]) => list.map((word) => ({ word }));

const known: KnownWords = {
  sessions: async () => words('latest', 'CDBZFY'),
  agentNames: async (session) => words(session === undefined ? 'newest' : `of_${session}`),
  agentIds: async () => words('agent_qa_1_x7k2p9'),
  requests: async () => words('req_1'),
  roles: async () => words('tester', 'reviewer'),
  backends: async () => words('claude', 'command'),
  settings: async () => words('maxDepth', 'limits.stallMinutes'),
};

async function completed(...typed: readonly string[]) {
  const { candidates, ...more } = await complete(typed, commands, known);
  return { words: candidates.map(({ word }) => word), ...more };
}

describe('completion', () => {
  const cases: [typed: string[], words: string[]][] = [
    [['stat'], ['status']],
    [['l'], ['list', 'ls', 'logs', 'log', 'land']],
    [['help', 'res'], ['resume']],
    [['--fi'], ['--fields']],
    [['list', '--s'], ['--state']],
    [['ls', '--state', 'p'], ['paused']],
    [['list', '--state=p'], ['--state=paused']],
    [
      ['--json', 'status', ''],
      ['latest', 'CDBZFY'],
    ],
    [['status', '--all', 'C'], ['CDBZFY']],
    [['-C', '/tmp', 'status', 'l'], ['latest']],
    [['status', 'latest', ''], []],
    [
      ['logs', ''],
      ['latest', 'CDBZFY', 'newest', 'agent_qa_1_x7k2p9'],
    ],
    [['logs', 'CDBZFY', ''], ['of_CDBZFY']],
    [['logs', 'CDBZFY', 'of_CDBZFY', 'of'], ['of_CDBZFY']],
    [['diff', 'latest', ''], ['of_latest']],
    [['approve', 'r'], ['req_1']],
    [['run', '-a', 'te'], ['tester=']],
    [['run', '--agent', 'qa:re'], ['qa:reviewer=']],
    [['run', '--agent', 'tester@co'], ['tester@command=']],
    [['run', '--backend', 'cl'], ['claude']],
    [['config', 's'], ['set']],
    [['config', 'get', 'max'], ['maxDepth']],
    [['roles', 'show', 're'], ['reviewer']],
    [['completion', 'f'], ['fish']],
    [['plan', 'c'], ['check']],
    [
      ['plan', 'graph', 'team.yaml', '--format', ''],
      ['text', 'mermaid'],
    ],
    [['bogus', ''], []],
  ];
  for (const [typed, expected] of cases) {
    it(`${typed.join(' ')}|`, async () => {
      const { words: found } = await completed(...typed);
      assert.deepEqual(found.toSorted(), expected.toSorted());
    });
  }

  it('leaves files and folders to the shell, and goes on after a role', async () => {
    assert.equal((await completed('export', 'latest', '-o', '')).shell, 'files');
    assert.equal((await completed('run', '')).shell, 'files');
    assert.equal((await completed('list', '--project', '')).shell, 'folders');
    assert.equal((await completed('run', '-a', '')).goesOn, true);
    assert.equal((await completed('status', '')).goesOn, false);
  });

  it('has a candidate for every command and option that is shown', async () => {
    const { words: names } = await completed('');
    for (const { name, hidden, options } of commands) {
      assert.equal(names.includes(name), hidden !== true, name);
      if (hidden === true) continue;
      const { words: flags } = await completed(name, '--');
      for (const { flags: syntax } of options) {
        assert.ok(flags.includes(/--[\w-]+/.exec(syntax)?.[0] ?? ''), `${name} ${syntax}`);
      }
    }
  });
});
