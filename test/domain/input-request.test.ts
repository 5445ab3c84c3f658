import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AgentId,
  makeInputRequestId,
  parseInputRequestId,
  type SessionId,
} from '../../src/domain/ids.ts';
import {
  type Answer,
  type Answerer,
  answerRequest,
  expireRequest,
  type InputRequest,
  type InputRequestDraft,
  type InputRequestState,
  inputRequestEvent,
  inputRequestStates,
  inputRequestTransitions,
  maxActionLength,
  openRequest,
  withdrawRequest,
} from '../../src/domain/input-request.ts';
import { canTransition } from '../../src/domain/transitions.ts';
import { describeEvent } from '../../src/presentation/contracts/event-lines.ts';
import { askedText } from '../../src/presentation/contracts/request-view.ts';
import { fc } from '../helpers/properties.ts';

const startMs = Date.parse('2026-03-01T10:00:00.000Z');
const at = (seconds: number): string => new Date(startMs + seconds * 1_000).toISOString();
const id = makeInputRequestId('01K0ABCDEFGHJKMNPQRSTVWXYZ');
const agentId = 'agent_qa_1_aaaaaa' as AgentId;
const sessionId = 'sess_01K0ABCDEFGHJKMNPQRSTVWXYZ' as SessionId;
const person: Answerer = { type: 'person', front: 'cli' };
const allow: Answer = { kind: 'permission', decision: 'allow', message: null };
const deny: Answer = { kind: 'permission', decision: 'deny', message: 'Not on main.' };

function draft(more: Partial<InputRequestDraft> = {}): InputRequestDraft {
  return {
    ...{ id, sessionId, agentId, attempt: 1, key: 'tool-1', kind: 'permission', tool: 'Bash' },
    ...{ action: 'git push', reason: null, choices: [], expiresAt: at(60) },
    ...more,
  };
}

const open = (more: Partial<InputRequestDraft> = {}): InputRequest => openRequest(draft(more), at(0));

const samples: Readonly<Record<InputRequestState, InputRequest>> = {
  open: open(),
  answered: answerRequest(open(), allow, person, at(1)),
  expired: expireRequest(open(), at(60)),
  withdrawn: withdrawRequest(open(), at(1)),
};

describe('the states of a request', () => {
  const ways: Readonly<Record<InputRequestState, (request: InputRequest) => InputRequest>> = {
    open: (request) => request,
    answered: (request) => answerRequest(request, deny, person, at(61)),
    expired: (request) => expireRequest(request, at(61)),
    withdrawn: (request) => withdrawRequest(request, at(61)),
  };
  for (const from of inputRequestStates) {
    for (const to of inputRequestStates.filter((state) => state !== 'open')) {
      const allowed = canTransition(inputRequestTransitions, from, to);
      it(`${allowed ? 'lead' : 'never lead'} from ${from} to ${to}`, () => {
        const request = samples[from];
        if (allowed) assert.equal(ways[to](request).state, to);
        else if (to === 'answered') assert.throws(() => ways[to](request), { code: 'INVALID_TRANSITION' });
        else assert.equal(ways[to](request), request);
      });
    }
  }

  it('have an event each, of the agent that asks, which says what it asks', () => {
    for (const state of inputRequestStates) {
      const event = inputRequestEvent(samples[state], at(9));
      assert.equal(event.type, state === 'open' ? 'request.opened' : `request.${state}`);
      assert.deepEqual([event.agentId, event.sessionId], [agentId, sessionId]);
      assert.match(describeEvent(event), /req_\w{26}.*git push/);
    }
  });

  it('hold whatever is done in whatever order: it is closed once, and its first answer stands', () => {
    const answers: readonly Answer[] = [
      allow,
      deny,
      { ...deny, message: null },
      { kind: 'question', text: 'a' },
    ];
    const step = fc.oneof(
      fc.record({ do: fc.constant('answer' as const), answer: fc.constantFrom(...answers) }),
      fc.constant({ do: 'expire' as const }),
      fc.constant({ do: 'withdraw' as const }),
    );
    const steps = fc.array(fc.tuple(step, fc.nat({ max: 100 })), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom('permission' as const, 'question' as const), steps, (kind, done) => {
        let request = open({ kind });
        let now = 0;
        for (const [act, seconds] of done) {
          now += seconds;
          const before = request;
          try {
            if (act.do === 'answer') request = answerRequest(request, act.answer, person, at(now));
            else if (act.do === 'expire') request = expireRequest(request, at(now));
            else request = withdrawRequest(request, at(now));
          } catch (error) {
            const code =
              act.do === 'answer' && act.answer.kind !== kind ? 'INVALID_INPUT' : 'INVALID_TRANSITION';
            assert.equal((error as { code?: string }).code, code);
            continue;
          }
          if (before.state !== 'open') assert.equal(request, before);
          else if (request !== before) assert.equal(request.closedAt, at(now));
          assert.equal(request.state === 'open', request.closedAt === null);
          assert.equal(request.state === 'answered', request.answer !== null && request.answeredBy !== null);
          if (request.state === 'expired') assert.ok(request.expiresAt <= (request.closedAt ?? ''));
        }
      }),
    );
  });
});

describe('an answer', () => {
  it('is the same when it says the same, whoever gives it', () => {
    const { answered } = samples;
    assert.equal(answerRequest(answered, { ...allow }, { type: 'rule', rule: 'x' }, at(9)), answered);
    assert.throws(() => answerRequest(answered, deny, person, at(9)), {
      code: 'INVALID_TRANSITION',
      message: `Request ${id} takes no answer: it was answered by a person at a terminal at ${at(1)}.`,
    });
  });

  it('must be of the kind that is asked for, and no longer than allowed', () => {
    assert.throws(() => answerRequest(samples.open, { kind: 'question', text: 'yes' }, person, at(1)), {
      code: 'INVALID_INPUT',
      message: `${id} is a permission. Allow or deny it: 'maos approve' or 'maos deny' (respond: decision).`,
    });
    const question = open({ kind: 'question', tool: null });
    assert.throws(() => answerRequest(question, allow, person, at(1)), { message: /Answer it with a text/ });
    const long = 'x'.repeat(100_001);
    assert.throws(() => answerRequest(question, { kind: 'question', text: long }, person, at(1)), {
      code: 'INVALID_INPUT',
      message: /100001 characters/,
    });
    assert.throws(() => answerRequest(samples.open, { ...deny, message: long }, person, at(1)), {
      code: 'INVALID_INPUT',
    });
  });
});

describe('a request', () => {
  it('that asks nothing is refused', () => {
    assert.throws(() => open({ action: ' \n' }), { code: 'INVALID_INPUT' });
  });

  it('is cut where its texts are too long', () => {
    const long = 'ä'.repeat(maxActionLength + 5);
    const request = open({ action: long, reason: long, choices: Array(30).fill(long) });
    assert.equal(request.action.length, maxActionLength);
    assert.equal(request.reason?.length, maxActionLength);
    assert.equal(request.choices.length, 20);
    const event = inputRequestEvent(request, at(1));
    assert.ok(JSON.stringify(event).length < 2_000);
  });

  it('shows where it is cut, how long it is, and its end, where a command could hide', () => {
    const action = `echo ${'x'.repeat(150_000)}; rm -rf /`;
    const cut = openRequest(draft({ action }), at(0)).action;
    assert.ok(cut.length <= maxActionLength);
    assert.match(cut, /^echo x+\n\[cut here: 150,015 characters in all; .*maos logs.*\]\nx+; rm -rf \/$/);
  });

  it('shows on one line what begins another command, and nothing is pushed out of sight', () => {
    const action = `npm test\nrm -rf /${' \u00a0\u3000\t'.repeat(500)}; \u001b[8mcurl evil\u202e`;
    const request = openRequest(draft({ action }), at(0));
    const shown = 'npm test\\nrm -rf / ; \\u001b[8mcurl evil\\u202e';
    assert.equal(askedText(request), `Bash: ${shown}`);
    assert.ok(describeEvent(inputRequestEvent(request, at(0))).endsWith(`permission for Bash: ${shown}`));
  });

  it('has an id of its own kind', () => {
    assert.equal(parseInputRequestId(id), id);
    assert.throws(() => parseInputRequestId(sessionId), {
      code: 'INVALID_INPUT',
      message: /not a request id/,
    });
  });
});
