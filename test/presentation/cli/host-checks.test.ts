import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostReport } from '../../../src/application/ports/fleet.ts';
import { orderFormat } from '../../../src/domain/agent.ts';
import { MaosError } from '../../../src/domain/errors.ts';
import { checkHosts } from '../../../src/presentation/cli/facts/host-checks.ts';

const report = (name: string, version: string, aheadMs: number): HostReport => ({
  ...{ name, version, incarnation: 'i', pools: ['gpu'], labels: {}, slots: 1, running: 0, freeMemoryMb: 1 },
  ...{
    isDraining: false,
    format: orderFormat,
    homes: null,
    backends: [],
    at: new Date(Date.now() + aheadMs).toISOString(),
  },
});

describe('the checks of hosts', () => {
  it('warn of another version, and of clocks that are apart', async () => {
    const hosts = [
      report('same', '1.0.0', -4_000),
      report('old', '0.9.0', -4_000),
      report('ahead', '1.0.0', 60_500),
      report('behind', '1.0.0', -90_000),
    ];
    const checks = await checkHosts({ version: '1.0.0', fleetHosts: async () => ({ hosts, home: null }) });
    assert.deepEqual(
      checks.map(({ name, state, detail }) => [name, state, detail.replace(/[0-9]{2} s/, 'N s')]),
      [
        ['hosts', 'ok', 'the NATS server answers, with JetStream; 4 hosts'],
        ['host old', 'warning', 'MAOS 0.9.0; this home has 1.0.0'],
        ['host ahead', 'warning', 'its clock is about N s ahead of the one here'],
        ['host behind', 'warning', 'its clock is about N s behind the one here'],
      ],
    );
  });

  it('say what is wrong with the server', async () => {
    const error = new MaosError('BACKEND_UNAVAILABLE', 'Cannot connect.');
    const checks = await checkHosts({ version: '1', fleetHosts: () => Promise.reject(error) });
    assert.deepEqual(
      checks.map(({ state, fix }) => [state, fix]),
      [['problem', 'Cannot connect.']],
    );
  });
});
