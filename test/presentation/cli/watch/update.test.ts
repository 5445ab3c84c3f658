import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { notStarted } from '../../../../src/domain/agent.ts';
import { makeInputRequestId } from '../../../../src/domain/ids.ts';
import { chosenAgent } from '../../../../src/presentation/cli/watch/state.ts';
import { agent, sessionId, time } from '../samples.ts';
import { large, listed, otherId, permission, sessionView, small, team, Watched } from './samples.ts';

const running = sessionView(team);

describe('the list of sessions', () => {
  const view = sessionView(team);
  const sessions = [
    listed(view),
    listed(view, { id: otherId('Y2'), objective: 'Write the docs.', state: 'completed' }),
    listed(view, { id: otherId('Y3'), objective: 'Mend the build.', state: 'failed' }),
  ];

  it('chooses by keys, and opens with Enter', () => {
    const watched = new Watched(view, small, sessions);
    assert.match(watched.text, /^> {3}TVWXYZ .*running/m);
    watched.press('down', 'j');
    assert.match(watched.text, /^> .*failed/m);
    watched.press('down');
    assert.match(watched.text, /^> .*failed/m);
    watched.press('home', 'enter');
    assert.equal(watched.state.focus, 'agents');
    watched.press('escape');
    assert.equal(watched.state.focus, 'sessions');
  });

  it('filters by what is typed after /, and shows all again after Esc', () => {
    const watched = new Watched(view, small, sessions);
    watched.press('/').type('DOCS');
    assert.doesNotMatch(watched.text, /failed/);
    assert.match(watched.rows.at(-1) ?? '', /^Filter: DOCS/);
    watched.press('enter', 'down');
    assert.equal(watched.state.sessionId, otherId('Y2'));
    watched.press('escape');
    assert.match(watched.text, /failed/);
  });

  it('says how to start the first one', () => {
    assert.match(new Watched(null).text, /There is no session yet. Start one with 'maos run'/);
  });

  it('marks sessions whose agents ask something', () => {
    const asking = sessions.map((one, index) => ({ ...one, asks: index === 1 }));
    const watched = new Watched(view, small, asking);
    assert.match(watched.text, /3 sessions, 1 asks something \(\?\)/);
    assert.match(watched.text, /^ {2}\? TVWXY2 /m);
  });

  it('keeps its choice when sessions are added', () => {
    const watched = new Watched(view, small, sessions.slice(1));
    watched.tell({ type: 'sessions', sessions });
    assert.equal(watched.state.sessionId, otherId('Y2'));
  });
});

describe('what changes a session', () => {
  it('is asked before, with what will happen, and done only after y', () => {
    const watched = new Watched(running).press('enter', 'c');
    assert.deepEqual(watched.effects, []);
    assert.match(watched.text, /Cancel sess_01K0ABCDEFGHJKMNPQRSTVWXYZ\?/);
    assert.match(watched.text, /MAOS stops 1 running agent, and 1 waiting agent will not start/);
    watched.press('x', 'enter', ' ');
    assert.deepEqual(watched.effects, []);
    watched.press('y');
    assert.deepEqual(watched.effects, [{ type: 'control', id: sessionId, action: 'cancel', agentId: null }]);
    assert.equal(watched.state.dialog, null);
  });

  it('names the project where there are several', () => {
    const watched = new Watched(running);
    watched.state = { ...watched.state, all: true };
    watched.press('c');
    assert.match(watched.text, /Project: \/home\/ann\/shop/);
  });

  it('is left undone after n, Esc and q', () => {
    for (const name of ['n', 'escape', 'q']) {
      const watched = new Watched(running).press('enter', 'c', name, 'y');
      assert.deepEqual(watched.effects, [], name);
    }
  });

  it('names the agents that an agent takes with it', () => {
    const watched = new Watched(running).press('enter', 'down', 'x');
    assert.match(watched.text, /Cancel the agent build\?/);
    assert.match(watched.text, /Cancelled with it, because they depend on it: review\./);
    watched.press('y');
    assert.deepEqual(watched.effects, [
      { type: 'control', id: sessionId, action: 'cancel', agentId: team[1]?.id },
    ]);
  });

  it('stays about the session it was asked for, whatever happens meanwhile', () => {
    const watched = new Watched(running).press('c');
    watched.tell({ type: 'sessions', sessions: [] });
    watched.press('y');
    assert.deepEqual(watched.effects, [{ type: 'control', id: sessionId, action: 'cancel', agentId: null }]);
  });

  it('is refused with the reason in a state where it is not possible', () => {
    const cases = [
      ['r', 'running', /is running: only a paused session can be resumed/],
      ['p', 'completed', /has completed: only a running session can be paused/],
      ['c', 'completed', /has already completed/],
      ['t', 'completed', /has completed: only failed sessions can be retried/],
      ['l', 'completed', /cannot be landed: none of its agents works in a worktree/],
      ['l', 'running', /cannot be landed/],
      ['a', 'running', /No agent of this session is asking anything/],
      ['x', 'running', /spec has already completed/],
    ] as const;
    for (const [name, state, text] of cases) {
      const watched = new Watched(sessionView(team, { state })).press('enter', name);
      assert.match(watched.text.replaceAll('\n', ' '), text, name);
      assert.deepEqual(watched.effects, []);
    }
  });

  it('says which programs a resume starts from the beginning', () => {
    const interrupted = agent('build', { state: 'resumable', stage: null, conversation: null });
    const watched = new Watched(sessionView([interrupted], { state: 'paused', pauseReason: 'user' })).press(
      'r',
    );
    assert.match(watched.text, /build starts again from the beginning/);
    watched.press('y');
    assert.deepEqual(watched.effects, [{ type: 'control', id: sessionId, action: 'resume', agentId: null }]);
  });

  it('lists what a retry starts again', () => {
    const failed = agent('build', { state: 'failed', stage: null });
    const after = agent('review', { ...notStarted, state: 'cancelled', stage: null, dependsOn: [failed.id] });
    const watched = new Watched(sessionView([failed, after], { state: 'failed' })).press('t');
    assert.match(watched.text, /Started again: build, review\./);
  });
});

describe('requests', () => {
  const build = team[1] as (typeof team)[number];
  const asked = permission(build);
  const question = permission(build, {
    kind: 'question',
    tool: null,
    action: 'Which port?',
    choices: ['80', '8080'],
  });

  it('are counted in the tabs, and allowed or denied after a question with the whole action', () => {
    const view = sessionView(team, {}, { requests: [asked] });
    const watched = new Watched(view).press('enter', 'a');
    assert.match(watched.text, /5 Requests \(1\)/);
    assert.match(watched.text, /Allow what build asks\?\n +Bash: git push origin main\n +The agent does it/);
    watched.press('y');
    const answer = { kind: 'permission', decision: 'allow', message: null };
    assert.deepEqual(watched.effects, [{ type: 'answer', id: sessionId, request: asked.id, answer }]);
    const denied = new Watched(view).press('enter', '5', 'tab', 'd', 'y');
    assert.deepEqual(
      denied.effects.map((effect) => effect.type === 'answer' && effect.answer),
      [{ ...answer, decision: 'deny' }],
    );
  });

  it('are not allowed before the end of a long action was on the screen', () => {
    const long = permission(build, { action: `echo ${'word '.repeat(700)}; rm -rf /` });
    const watched = new Watched(sessionView(team, {}, { requests: [long] })).press('enter', 'a');
    assert.doesNotMatch(watched.text, /rm -rf/);
    watched.press('y', 'y');
    assert.deepEqual(watched.effects, []);
    for (let pages = 0; pages < 20; pages++) watched.press('page-down');
    assert.match(watched.text, /rm -rf/);
    watched.press('y');
    assert.equal(watched.effects.length, 1);
  });

  it('that are questions take a text', () => {
    const watched = new Watched(sessionView(team, {}, { requests: [question] })).press('enter', 'a');
    assert.match(watched.text, /asks a question: press e/);
    watched.press('e');
    assert.match(watched.text, /build asks:\n +Which port\? \[80 \| 8080\]/);
    watched.type('8080x').press('backspace');
    watched.input({ type: 'paste', text: ' and\r\n8443' });
    watched.press('enter');
    assert.deepEqual(watched.effects, [
      {
        type: 'answer',
        id: sessionId,
        request: question.id,
        answer: { kind: 'question', text: '8080 and\n8443' },
      },
    ]);
  });

  it('are chosen by the arrow keys, and the chosen one stays on the screen', () => {
    const requests = Array.from({ length: 40 }, (_, index) =>
      permission(build, {
        id: makeInputRequestId(`01K0ABCDEFGHJKMNPQRSTVWX${String(index).padStart(2, '0')}`),
        action: `make part-${index}`,
      }),
    );
    const watched = new Watched(sessionView(team, {}, { requests })).press('enter', '5', 'tab', 'end');
    assert.match(watched.text, /^> \? build .*make part-39/m);
    watched.press('up', 'a');
    assert.match(watched.text, /Allow what build asks\?\n +Bash: make part-38/);
  });

  it('show control characters, so that they hide nothing', () => {
    const hostile = permission(build, { action: 'ls\n\u001b[2Krm -rf ~' });
    const watched = new Watched(sessionView(team, {}, { requests: [hostile] })).press('enter', 'a');
    assert.match(watched.text, /ls\\n\\u001b\[2Krm -rf ~/);
  });
});

describe('the chosen session', () => {
  it('shows the lines of its agents, and follows the choice', () => {
    const watched = new Watched(running).press('enter');
    assert.match(watched.text, /^> . ✓ spec .*\n {2}. \S build .*\n {2}. · review .*after build/m);
    watched.press('down', 'down');
    assert.equal(chosenAgent(watched.state)?.name, 'review');
    watched.press('/').type('spec').press('enter', 'down');
    assert.equal(chosenAgent(watched.state)?.name, 'spec');
  });

  it('shows each tab by its number, and the next by the arrow', () => {
    const event = {
      seq: 1,
      at: time(1),
      sessionId,
      agentId: team[0]?.id,
      type: 'agent.progressed',
      data: { name: 'spec', activity: 'reading' },
    };
    const view = sessionView(team, {}, { events: [event as never] });
    const watched = new Watched(view).press('enter', '2');
    assert.match(watched.text, /2 GRAPH/);
    assert.match(watched.text, /^● +spec {2}✓ completed\n╰─● +build {2}● running\n/m);
    watched.press('right', 'right', 'right');
    assert.match(watched.text, /5 REQUESTS[\s\S]*No agent has asked anything/);
    watched.press('6');
    assert.match(watched.text, /6 CHECKS/);
    watched.press('7');
    assert.match(watched.text, /does not work in a worktree/);
  });

  it('follows output at its end, stays where the user has scrolled to, and follows again at the end', () => {
    const watched = new Watched(running).press('enter');
    const lines = (count: number): string[] =>
      Array.from({ length: count }, (_, index) => `line ${index + 1}.`);
    const tell = (count: number): void => {
      watched.tell({
        type: 'agent',
        agent: { id: team[0]?.id as never, output: lines(count), checks: null, diff: null },
      });
    };
    tell(100);
    assert.match(watched.text, /line 100\./);
    watched.press('page-up');
    assert.doesNotMatch(watched.text, /line 100\./);
    const before = watched.text;
    tell(101);
    assert.equal(watched.text, before);
    watched.press('page-down', 'page-down');
    assert.match(watched.text, /line 101\./);
    tell(102);
    assert.match(watched.text, /line 102\./);
    watched.press('tab', 'home');
    assert.match(watched.text, /line 1\.$/m);
    watched.press('/').type('line 77.');
    assert.match(watched.text, /line 77\./);
    assert.doesNotMatch(watched.text, /line 1\.$/m);
  });

  it('is chosen, and its tabs, by clicks; the wheel scrolls what is under it', () => {
    const watched = new Watched(running, large);
    const click = (row: number, column: number): void => {
      watched.input({ type: 'mouse', what: 'click', row, column });
    };
    click(2, 5);
    assert.equal(watched.state.focus, 'agents');
    click(4, 5);
    assert.equal(chosenAgent(watched.state)?.name, 'build');
    click(2, watched.rows[2]?.indexOf('3 Events') ?? 0);
    assert.equal(watched.state.tab, 'events');
    watched.input({ type: 'mouse', what: 'wheel-down', row: 4, column: 5 });
    assert.equal(chosenAgent(watched.state)?.name, 'review');
  });

  it('explains its keys', () => {
    const watched = new Watched(running).press('?');
    assert.match(watched.text, /cancel the session, cancel the chosen agent/);
    assert.match(watched.text, /leave; the sessions continue/);
    watched.press('escape');
    assert.equal(watched.state.dialog, null);
  });
});

describe('leaving', () => {
  it('asks for nothing else', () => {
    for (const name of ['q', 'ctrl-c']) {
      assert.deepEqual(new Watched(running).press(name).effects, [{ type: 'quit' }]);
    }
    assert.deepEqual(new Watched(running).press('ctrl-z').effects, [{ type: 'suspend' }]);
  });

  it('is possible by Ctrl-C in every dialog', () => {
    for (const names of [['?'], ['c'], ['/']]) {
      assert.deepEqual(new Watched(running).press(...names, 'ctrl-c').effects, [{ type: 'quit' }]);
    }
  });
});
