import { describe } from 'node:test';
import { fleetContract } from '../../helpers/fleet-contract.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';

describe('the fleet in memory', () => {
  fleetContract(async () => {
    const fleet = new MemoryFleet();
    return async () => fleet;
  });
});
