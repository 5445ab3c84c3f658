import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HostBackend, type HostState, placementIn } from '../../src/domain/placement.ts';

const now = '2026-01-01T00:00:00.000Z';
const later = '2026-01-01T01:00:00.000Z';
const claude: HostBackend = {
  ...{ name: 'claude', isInstalled: true, version: '2.1.0', signedIn: 'yes', heldUntil: null },
};

function host(name: string, more: Partial<HostState> = {}): HostState {
  const load = { slots: 2, running: 0, freeMemoryMb: 4_000, isDraining: false };
  const rules = { version: '1.0.0', format: 1, homes: null };
  return { name, pools: ['gpu'], ...load, ...rules, backends: [claude], ...more };
}

const place = (pool: string, ...hosts: readonly HostState[]) =>
  placementIn(pool, hosts, { backend: 'claude', memoryMb: 1_000, home: 'UHERE', format: 1 }, now);

describe('an agent of a pool', () => {
  it('fits a host with everything that it needs, whatever the others lack', () => {
    assert.deepEqual(place('gpu', host('a', { running: 2 }), host('b')), { fits: 'now', why: null });
  });

  it('can be for a host by its name', () => {
    assert.equal(place('b', host('a'), host('b')).fits, 'now');
    const why = 'no host of pool b: b is full (2 of 2)';
    assert.deepEqual(place('b', host('a'), host('b', { running: 2 })), { fits: 'later', why });
  });

  it('fits no host of another pool, and none that is not heard of', () => {
    const why = 'no host of pool gpu is known';
    assert.deepEqual(place('gpu', host('a', { pools: ['cpu'] })), { fits: 'no', why });
    assert.deepEqual(place('gpu'), { fits: 'no', why });
  });

  const reasons: readonly (readonly [Partial<HostState>, string])[] = [
    [{ backends: [] }, 'does not run claude for others'],
    [{ backends: [{ ...claude, isInstalled: false }] }, 'has no claude'],
    [{ backends: [{ ...claude, signedIn: 'no' }] }, 'is not signed in to claude'],
    [{ backends: [{ ...claude, heldUntil: later }] }, `has used up its quota of claude until ${later}`],
    [{ freeMemoryMb: 999 }, 'has 999 MiB of free memory, and 1000 MiB are needed'],
    [{ isDraining: true }, 'is draining'],
    [{ homes: [] }, 'does not work for this home'],
    [{ homes: ['UOTHER'] }, 'does not work for this home'],
    [{ format: 0 }, 'runs MAOS 1.0.0, which is too old for orders of this home'],
  ];
  for (const [lack, said] of reasons) {
    it(`does not fit a host that ${said}`, () => {
      assert.deepEqual(place('gpu', host('a', lack)), { fits: 'no', why: `no host of pool gpu: a ${said}` });
    });
  }

  it('fits where its home is worked for, by a host that is newer', () => {
    assert.equal(place('gpu', host('a', { homes: ['UOTHER', 'UHERE'], format: 2 })).fits, 'now');
  });

  it('fits where the sign-in is not known, and where the quota is back', () => {
    const unknown: HostBackend = { ...claude, signedIn: 'unknown', heldUntil: now };
    assert.equal(place('gpu', host('a', { backends: [unknown] })).fits, 'now');
  });

  it('waits with the reason of each host in one sentence', () => {
    const none = { ...claude, isInstalled: false };
    const why = 'no host of pool gpu: build-1 has no claude; build-2 is full (2 of 2)';
    assert.deepEqual(place('gpu', host('build-1', { backends: [none] }), host('build-2', { running: 2 })), {
      fits: 'later',
      why,
    });
    const many = place('gpu', ...Array.from({ length: 12 }, (_, index) => host(`h${index}`, { running: 2 })));
    assert.match(many.why ?? '', /h9 is full \(2 of 2\); and 2 more hosts$/);
  });
});
