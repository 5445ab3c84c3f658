import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../src/domain/agent.ts';
import { isMaosError } from '../../src/domain/errors.ts';
import {
  finishProgram,
  joinWork,
  recordCommit,
  recordWorktree,
  reportCheck,
  startCheck,
  startFixRound,
} from '../../src/domain/prove-agent.ts';
import { replay } from '../../src/domain/replay.ts';
import { changeStage, recordSpawn, startAgents } from '../../src/domain/running-agents.ts';
import { settleAgent } from '../../src/domain/settle-agent.ts';
import { type CheckReport, nextStep } from '../../src/domain/verification.ts';
import type { Change, Workflow } from '../../src/domain/workflow.ts';
import { location, requestOf, started, time } from './samples.ts';

const rules = { commands: ['npm test', 'npm run lint'], timeoutMs: 60_000, fixRounds: 1, protect: [] };
const commit = 'a'.repeat(40);
const subject = { commit, restored: ['test/a.test.ts'] };

/** A session with one agent, decision after decision; replays the events of each and compares. */
class Story {
  workflow: Workflow = started(requestOf({ a: [] }));
  #second = 10;
  #seq = 0;

  get agent(): Agent {
    return this.workflow.agents[0] as Agent;
  }

  decide(make: (workflow: Workflow, id: Agent['id'], at: string) => Change): void {
    const { next, events } = make(this.workflow, this.agent.id, time(this.#second++));
    const replayed = replay(
      this.workflow,
      events.map((event) => ({ ...event, seq: ++this.#seq })),
    );
    assert.deepEqual(forgetful(replayed), forgetful(next));
    this.workflow = next;
  }

  start(): void {
    this.decide((workflow, id, at) => startAgents(workflow, [id], at));
    this.decide((workflow, id, at) => recordSpawn(workflow, id, location, at));
  }

  finish(result = 'Done.'): void {
    const report = { result, usage: null, conversation: null, activeMs: 1_500 };
    this.decide((workflow, id, at) => finishProgram(workflow, id, report, at));
  }

  check(exitCode: number): void {
    const step = this.step;
    assert.ok(step.step === 'check');
    this.decide((workflow, id, at) => startCheck(workflow, id, step.command, subject, at));
    assert.deepEqual(this.step, { step: 'follow', check: step.check });
    const report = reported(step.check, step.command, exitCode);
    this.decide((workflow, id, at) => reportCheck(workflow, id, report, 'the end', at));
  }

  get step() {
    assert.ok(this.agent.proof);
    return nextStep(this.agent.proof, rules, 1);
  }
}

function reported(check: number, command: string, exitCode: number): CheckReport {
  return {
    ...{ check, command, commit, exitCode, signal: null, reason: null, logSha256: '0'.repeat(64) },
    ...{ startedAt: time(1), endedAt: time(2), logBytes: 8, restored: subject.restored },
  };
}

/** Without what events do not contain. */
function forgetful({ agents, ...rest }: Workflow): unknown {
  return {
    ...rest,
    agents: agents.map(({ proof, ...agent }) => ({
      ...agent,
      proof: proof && { ...proof, failed: proof.failed && { ...proof.failed, outputTail: '' } },
    })),
  };
}

describe('the proof of an agent', () => {
  it('runs the commands one after the other until all have passed', () => {
    const story = new Story();
    story.start();
    story.finish();
    assert.equal(story.agent.stage, 'verifying');
    assert.equal(story.agent.result, 'Done.');
    assert.deepEqual(story.step, { step: 'check', check: 1, command: 'npm test' });
    story.check(0);
    assert.deepEqual(story.step, { step: 'check', check: 2, command: 'npm run lint' });
    story.check(0);
    assert.deepEqual(story.step, { step: 'proven' });
    story.decide((workflow, id, at) => changeStage(workflow, id, 'collecting', at));
    assert.deepEqual(story.step, { step: 'proven' });
  });

  it('goes back to the agent when a command fails, and begins again with the first one', () => {
    const story = new Story();
    story.start();
    story.finish();
    story.check(1);
    assert.equal(story.step.step, 'fix');
    story.decide((workflow, id, at) => startFixRound(workflow, id, 1, at));
    const { state, stage, attempt, proof } = story.agent;
    assert.deepEqual({ state, stage, attempt }, { state: 'running', stage: 'preparing', attempt: 2 });
    assert.equal(proof?.failed?.outputTail, 'the end');
    assert.equal(proof?.isDue, false);
    story.decide((workflow, id, at) => recordSpawn(workflow, id, location, at));
    story.finish('Now it works.');
    assert.deepEqual(story.step, { step: 'check', check: 2, command: 'npm test' });
    story.check(1);
    const { proof: last } = story.agent;
    assert.ok(last);
    assert.deepEqual(nextStep(last, rules, 1), { step: 'fail', failed: last.failed });
    assert.equal(last.failed?.report.check, 2);
  });

  it('is still due when it was interrupted, so that the program does not run again', () => {
    const story = new Story();
    story.start();
    story.finish();
    story.check(0);
    story.decide((workflow, id, at) => startCheck(workflow, id, 'npm run lint', subject, at));
    const outcome = { state: 'resumable', reason: 'The machine goes down.' } as const;
    story.decide((workflow, id, at) =>
      settleAgent(workflow, id, { outcome, usage: null, conversation: null }, at),
    );
    assert.equal(story.agent.state, 'resumable');
    assert.equal(story.agent.proof?.isDue, true);
    story.decide((workflow, id, at) => startAgents(workflow, [id], at));
    story.decide((workflow, id, at) => changeStage(workflow, id, 'verifying', at));
    assert.deepEqual(story.step, { step: 'check', check: 3, command: 'npm run lint' });
  });

  it('takes checks only while it verifies', () => {
    const story = new Story();
    story.start();
    for (const make of [
      (workflow: Workflow, id: Agent['id']) => startCheck(workflow, id, 'true', subject, time(50)),
      (workflow: Workflow, id: Agent['id']) =>
        reportCheck(workflow, id, reported(1, 'true', 0), '', time(50)),
      (workflow: Workflow, id: Agent['id']) => startFixRound(workflow, id, 1, time(50)),
    ]) {
      assert.throws(
        () => make({ ...story.workflow, agents: [{ ...story.agent, stage: 'preparing' }] }, story.agent.id),
        (error) => isMaosError(error, 'INVALID_TRANSITION'),
      );
    }
  });
});

describe('the work of an agent', () => {
  it('is recorded with its branch, and once per commit', () => {
    const story = new Story();
    story.decide((workflow, id, at) => startAgents(workflow, [id], at));
    const place = { branch: 'maos/s/a', base: 'b'.repeat(40) };
    story.decide((workflow, id, at) => recordWorktree(workflow, id, place, at));
    assert.deepEqual(story.agent.work, { ...place, commit: null, diff: null });
    const diff = { files: 1, insertions: 2, deletions: 3 };
    story.decide((workflow, id, at) => recordCommit(workflow, id, { commit, diff }, at));
    assert.deepEqual(story.agent.work, { ...place, commit, diff });
    story.decide((workflow, id, at) => recordWorktree(workflow, id, place, at));
    const again = recordCommit(story.workflow, story.agent.id, { commit, diff }, time(60));
    assert.deepEqual(again.events, []);
  });

  it('goes straight to its checks where it lands without a decision, and no program counts as run', () => {
    const story = new Story();
    story.decide((workflow, id, at) => startAgents(workflow, [id], at));
    const diff = { files: 1, insertions: 2, deletions: 3 };
    const work = { branch: 'maos/s/a', base: 'b'.repeat(40), commit, diff };
    story.decide((workflow, id, at) => joinWork(workflow, id, work, at));
    const { stage, result, proof } = story.agent;
    assert.deepEqual([stage, result, proof?.ranMs, proof?.subject?.commit], ['verifying', null, 0, commit]);
    assert.deepEqual(story.agent.work, work);
    assert.equal(story.step.step, 'check');
  });
});
