import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fleet } from '../../src/application/ports/fleet.ts';
import { seed } from '../helpers/seed.ts';
import { play } from './history.ts';
import type { World } from './world.ts';

const histories = 2_000;

describe('agents on other machines, in virtual time', () => {
  it('are started at most once, and end as their homes say, whatever happens', {
    timeout: 600_000,
  }, async () => {
    for (let number = 0; number < histories; number++) {
      const { complaints, faults } = await play(seed + number);
      const how = `npm run simulate -- --only ${seed + number}\n${faults.join('\n')}`;
      assert.deepEqual(complaints, [], how);
    }
  });

  it('have the same history each time', async () => {
    const [once, again] = [await play(seed), await play(seed)];
    assert.deepEqual(once, again);
  });
});

/** A fleet of which some methods do something else. */
function but(fleet: Fleet, wrong: Partial<Fleet>): Fleet {
  return { ...fleet, ...wrong };
}

describe('a fault of the code', () => {
  const faults: readonly [what: string, complaint: RegExp, spoil: (world: World) => void][] = [
    [
      'that starts what is not claimed',
      /was started/,
      ({ tampered }) => {
        tampered.hostFleet = (fleet) => but(fleet, { claim: async () => 1, renew: async () => 1 });
      },
    ],
    [
      'that starts what is not recorded',
      /runs without an owner/,
      ({ tampered }) => {
        tampered.records = (records) => ({ ...records, save: async () => {} });
      },
    ],
    [
      'that calls back what may have been started',
      /was started, but its home says never_started/,
      ({ tampered }) => {
        tampered.homeFleet = (fleet) =>
          but(fleet, {
            follow: (key, listener) =>
              fleet.follow(key, {
                ...listener,
                claim: ({ claim, revision }) =>
                  listener.claim({ claim: { ...claim, phase: 'claimed' }, revision }),
              }),
          });
      },
    ],
    [
      'that takes output for what comes next',
      /its home has/,
      ({ tampered }) => {
        tampered.homeFleet = (fleet) =>
          but(fleet, {
            follow: (key, listener) => {
              let next = 0;
              return fleet.follow(key, {
                claim: (stored) => listener.claim(stored),
                fact: (fact) => listener.fact(fact),
                output: (stream, _offset, bytes) => {
                  listener.output(stream, next, bytes);
                  next += bytes.length;
                },
              });
            },
          });
      },
    ],
  ];
  for (const [what, complaint, spoil] of faults) {
    it(`${what} is found`, { timeout: 120_000 }, async () => {
      const heard: string[] = [];
      for (let number = 0; number < 300; number++) {
        const { complaints } = await play(seed + number, spoil);
        heard.push(...complaints);
        if (complaints.some((text) => complaint.test(text))) return;
      }
      assert.fail(`nothing like ${complaint}; ${heard.slice(0, 5).join('; ')}`);
    });
  }
});
