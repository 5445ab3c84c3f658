import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeAgentClientBackend } from '../../../src/infrastructure/backends/agent-client/backend.ts';
import { bridgeArguments } from '../../../src/infrastructure/backends/agent-client/bridge-options.ts';
import { backendContract, type ExpectedEnd, type Recording } from '../../helpers/backend-contract.ts';
import { inventedAgent, plainOptions, promptEntry } from '../../helpers/bridge.ts';
import { settings } from './agent-client-settings.ts';

const bridge = join(import.meta.dirname, '../../fixtures/programs/agent-client-bridge.ts');

/** Records a run of the bridge with the fake program. */
function recorded(habits: readonly string[], options: object = {}): Recording {
  const args = bridgeArguments({ ...plainOptions, args: [inventedAgent, ...habits], ...options }).slice(1);
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [bridge, ...args], {
    input: promptEntry,
  });
  const end = { how: 'exited', exitCode: status, signal, at: '2026-01-01T00:00:00.000Z' } as const;
  return { stdout, stderr: stderr.toString(), end };
}

const completed: ExpectedEnd = { kind: null, words: /^All is done\.$/ };

backendContract({
  name: 'agent-client',
  cli: null,
  make: () =>
    makeAgentClientBackend({
      name: 'invented',
      config: settings,
      env: {},
      bridge: { program: process.execPath, args: [bridge] },
    }),
  recordings: {
    success: recorded(['resumes', 'noise']),
    'cannot resume': recorded([]),
    resumed: recorded(['loads'], { resume: 'conv-1' }),
    forgotten: recorded(['loads', 'forgets'], { resume: 'conv-1' }),
    permissions: recorded(['asks']),
    'two results': recorded(['twice', 'stray']),
    crash: recorded(['crash']),
    'half a line': recorded(['half']),
    'another version': recorded(['version=2']),
    'not signed in': recorded(['auth']),
    'rate limited': recorded(['error={"status":429}']),
    'no such model': recorded(['models'], { model: 'huge' }),
    refused: recorded(['stop=refusal']),
    silent: recorded(['silent'], { silenceMs: 1_000 }),
  },
  ends: {
    success: completed,
    'cannot resume': completed,
    resumed: completed,
    forgotten: { kind: 'exit_code', words: /^Resource not found$/ },
    permissions: completed,
    'two results': completed,
    crash: { kind: 'exit_code', words: /^invented exited with status 3 before it ended its turn\.$/ },
    'half a line': { kind: 'exit_code', words: /^invented exited with status 0 before it ended its turn\.$/ },
    'another version': { kind: 'spawn_failed', words: /^invented speaks version 2 / },
    'not signed in': { kind: 'auth_required', words: /Authentication required.*offers key\. Sign in with/ },
    'rate limited': { kind: 'rate_limited', words: /\(rate limited; try again later\)$/ },
    'no such model': { kind: 'model_unavailable', words: /It offers small, large\. Name a model/ },
    refused: { kind: 'refused', words: /^invented refused the task\. Rephrase/ },
    silent: { kind: 'stalled', words: /^invented said nothing for 1 s/ },
  },
  success: 'success',
  shutsOutServers: null,
});
