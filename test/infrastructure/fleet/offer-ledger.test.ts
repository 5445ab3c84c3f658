import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { HostReport } from '../../../src/application/ports/fleet.ts';
import { makeOfferStore, OfferLedger } from '../../../src/infrastructure/fleet/offer-ledger.ts';
import { newKey } from '../../helpers/fleet-contract.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-offers-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function ledgerIn(folder: string): Promise<OfferLedger> {
  const ledger = new OfferLedger(makeOfferStore(folder, 1));
  await ledger.load();
  return ledger;
}

const report = (name: string): HostReport => ({
  ...{
    name,
    incarnation: `${name}-1`,
    pools: ['gpu'],
    slots: 1,
    running: 0,
    freeMemoryMb: 1,
    isDraining: false,
  },
  ...{ labels: {}, backends: [], version: '0', format: 1, homes: null, at: '2026-01-01T00:00:00.000Z' },
});

describe('what a home has offered', () => {
  it('is barred only before the first offer, and then nothing is offered', async (t) => {
    const [one, two] = [scratch(t), scratch(t)];
    assert.equal(await makeOfferStore(one, 1).bar(), true);
    assert.equal(await makeOfferStore(one, 1).bar(), true);
    assert.equal(await (await ledgerIn(one)).offering('first', ['box']), false);
    assert.equal(await (await ledgerIn(two)).offering('first', ['box']), true);
    assert.equal(await makeOfferStore(two, 1).bar(), false);
  });

  it('by an earlier version of MAOS is not barred', async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'launch.1'), '{}');
    assert.equal(await makeOfferStore(folder, 1).bar(), false);
  });

  it('is remembered with every host that may have taken it, also by the next process', async (t) => {
    const folder = scratch(t);
    const ledger = await ledgerIn(folder);
    assert.equal(ledger.isCurrent('first'), true);
    await ledger.offering('first', ['box']);
    await ledger.offering('first', ['can']);
    const next = await ledgerIn(folder);
    assert.deepEqual(next.hosts, ['box', 'can']);
    assert.deepEqual([next.isCurrent('first'), next.isCurrent('second')], [true, false]);
  });

  it('is free in a later era once every such host has said what it has, and nobody has it', async (t) => {
    const ledger = await ledgerIn(scratch(t));
    await ledger.offering('first', ['box', 'can']);
    const key = newKey();
    const fleet = new MemoryFleet('second');
    for (const name of ['box', 'can', 'new']) await fleet.announce(report(name));
    await fleet.beat('box', 'box-1', 'second');
    await fleet.beat('can', 'can-1', 'first');
    assert.equal(await ledger.isFree(fleet, key, 'second'), false, 'can has not looked yet');
    await fleet.beat('can', 'can-1', 'second');
    const claim = { host: 'can', incarnation: 'can-1', epoch: 1, phase: 'running', obeyed: 0 } as const;
    const revision = (await fleet.claim(key, claim)) ?? 0;
    assert.equal(await ledger.isFree(fleet, key, 'second'), false, 'can has it');
    await fleet.unclaim(key, revision);
    assert.equal(await ledger.isFree(fleet, key, 'second'), true);
    assert.equal(ledger.isCurrent('second'), true);
  });

  it('is not free if the engine has lost everything once more meanwhile', async (t) => {
    const ledger = await ledgerIn(scratch(t));
    await ledger.offering('first', ['box']);
    const fleet = new MemoryFleet('third');
    await fleet.announce(report('box'));
    await fleet.beat('box', 'box-1', 'second');
    assert.equal(await ledger.isFree(fleet, newKey(), 'second'), false);
    assert.equal(ledger.isCurrent('second'), false);
  });

  it('is never free once a host has begun it, or if nobody knows who may have it', async (t) => {
    const [one, two] = [scratch(t), scratch(t)];
    const ledger = await ledgerIn(one);
    await ledger.offering('first', ['box', 'can']);
    await ledger.begun('box');
    writeFileSync(join(two, 'offers.1'), '{"era":"first","ho');
    const fleet = new MemoryFleet('second');
    for (const name of ['box', 'can']) {
      await fleet.announce(report(name));
      await fleet.beat(name, `${name}-1`, 'second');
    }
    for (const torn of [await ledgerIn(one), await ledgerIn(two)]) {
      assert.equal(await torn.isFree(fleet, newKey(), 'second'), false);
      assert.equal(torn.isCurrent('second'), false);
    }
    assert.deepEqual((await ledgerIn(one)).hosts, ['box']);
  });
});
