import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { makeInstanceId } from '../../../../src/domain/ids.ts';
import { systemClock } from '../../../../src/infrastructure/clock.ts';
import { makeIdSource } from '../../../../src/infrastructure/ids.ts';
import { makeAgentDisk } from '../../../../src/infrastructure/process/host/agent-disk.ts';
import { makeLocalAgentHost } from '../../../../src/infrastructure/process/host/local-agent-host.ts';
import { makeLocalCapacity } from '../../../../src/infrastructure/process/host/local-capacity.ts';
import { makeMachine } from '../../../../src/infrastructure/process/tree/machine.ts';
import { openInstanceRegistry } from '../../../../src/infrastructure/sqlite/instance-registry.ts';
import { agentHostContract } from '../../../helpers/agent-host-contract.ts';

describe('the host of this machine', () => {
  agentHostContract(async (t) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-contract-')));
    const registry = openInstanceRegistry({ file: join(folder, 'instances.db') });
    const instance = makeInstanceId(makeIdSource().ulid());
    const slots = registry.slots({ instance, isHolderAlive: () => true });
    t.after(() => {
      registry.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    });
    const open = () =>
      makeLocalAgentHost({
        disk: makeAgentDisk({ projectFolder: join(folder, 'home'), projectRoot: folder }),
        capacity: makeLocalCapacity(makeMachine(), () => slots),
        clock: systemClock,
        log: { log: () => {} },
      });
    return {
      host: open(),
      reopen: open,
      vanish: async (_key, { location, ended }) => {
        process.kill(-(location.data.pid as number), 'SIGKILL');
        await ended;
      },
    };
  });
});
