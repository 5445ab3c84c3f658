import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agentStates } from '../../src/domain/agent.ts';
import { inputRequestStates } from '../../src/domain/input-request.ts';
import { sessionStates } from '../../src/domain/session.ts';
import { alreadyInState, inState } from '../../src/domain/state-words.ts';

describe('a state in a sentence', () => {
  it('has the auxiliary of its verb', () => {
    const said = [...new Set([...sessionStates, ...agentStates, ...inputRequestStates])].map(inState);
    assert.deepEqual(said, [
      'is created',
      'is running',
      'is paused',
      'has completed',
      'has failed',
      'was cancelled',
      'is pending',
      'is resumable',
      'is open',
      'was answered',
      'has expired',
      'was withdrawn',
    ]);
    assert.equal(alreadyInState('failed'), 'has already failed');
  });
});
