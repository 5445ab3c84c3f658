import { describe } from 'node:test';
import { agentHostContract } from '../helpers/agent-host-contract.ts';
import { MemoryMachine } from '../helpers/memory/host.ts';

describe('the host in memory', () => {
  agentHostContract(async () => {
    const machine = new MemoryMachine();
    const open = () => machine.host('/memory/project');
    return { host: open(), reopen: open, vanish: async (key) => machine.vanish(key) };
  });
});

// Runs the application's tests again, with agents as programs of the in-memory host. Tests that need processes are
// skipped with a reason.
process.env.MAOS_TEST_HOST = 'memory';
const suites = [
  ...[
    'budgets',
    'checkpoints',
    'clock-jumps',
    'conversations',
    'durations',
    'handoff',
    'limits',
    'lingering',
  ],
  ...['artifacts', 'pausing', 'quota', 'refused-reports', 'resource-limits', 'retrying', 'session-runner'],
  ...['stalling', 'store-trouble', 'take-over', 'teams', 'troubles', 'woken-owner'],
].map((name) => `./session/${name}.test.ts`);
for (const suite of [...suites, './control/orchestrate.test.ts']) await import(suite);
