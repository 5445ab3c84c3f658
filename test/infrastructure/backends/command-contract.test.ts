import type { AgentEnd } from '../../../src/application/ports/agent-host.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { backendContract, type Recording } from '../../helpers/backend-contract.ts';

const recording = (text: string, status: Partial<AgentEnd>, stderr = ''): Recording => ({
  stdout: Buffer.from(text),
  stderr,
  end: {
    ...{ how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:00.000Z' },
    ...status,
  } as AgentEnd,
});

backendContract({
  name: 'command',
  cli: null,
  make: makeCommandBackend,
  recordings: {
    done: recording('Reading 3 files\n\nDone: 3 of 3 ✓\n', {}),
    unfinished: recording('half a line', {}),
    failed: recording('Trying\n', { exitCode: 3 }, 'no such file\n'),
    killed: recording('€'.repeat(3_000), { exitCode: null, signal: 'SIGKILL' }),
    lost: recording('', { how: 'lost' }),
  },
  ends: {
    done: { kind: null, words: /Done: 3 of 3 ✓$/ },
    unfinished: { kind: null, words: /^half a line$/ },
    failed: { kind: 'exit_code', words: /^The command exited with status 3\.$/ },
    killed: { kind: 'signal', words: /^The command was killed by SIGKILL/ },
    lost: { kind: 'lost', words: /without a record of its exit/ },
  },
  success: 'done',
  shutsOutServers: null,
});
