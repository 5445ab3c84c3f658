import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { agentEvent } from '../../../../src/domain/events.ts';
import { makeInputRequestId } from '../../../../src/domain/ids.ts';
import { LiveDisplay, redraw } from '../../../../src/presentation/cli/run/live-display.ts';
import { Terminal } from '../../../../src/presentation/cli/shell/terminal.ts';
import { Screen } from '../../../helpers/screen.ts';
import { agent, time, workflow } from '../samples.ts';

const columns = 80;

/** A live view on a screen with earlier output of the user. */
function show(t: TestContext, size: { rows: number; agents: number; cleared: boolean }) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const screen = new Screen(columns, size.rows);
  if (!size.cleared) for (let line = 1; line < size.rows * 2; line++) screen.write(`before ${line}\n`);
  screen.write('$ maos run\n');
  const stdout = {
    isTTY: true,
    columns,
    rows: size.rows,
    write: (text: string | Uint8Array, done?: () => void) => {
      screen.write(String(text));
      done?.();
      return true;
    },
  };
  const display = new LiveDisplay(new Terminal({ stdout, stderr: stdout, env: {}, noColor: true }));
  const team = workflow(Array.from({ length: size.agents }, (_, index) => agent(`agent-${index}`)));
  display.show([], team);
  return {
    screen,
    display,
    team,
    frames: (count: number) => t.mock.timers.tick(count * 100),
    resize(rows: number) {
      stdout.rows = rows;
      screen.setRows(rows);
    },
  };
}

const isOfView = (line: string) => /running|agent-|more:/.test(line);

describe('the live view on a terminal', () => {
  for (const rows of [3, 4, 5, 10, 24, 50]) {
    for (const cleared of [true, false]) {
      it(`of ${rows} lines${cleared ? ', cleared before' : ''}, leaves nothing in the history`, (t) => {
        for (const agents of [1, rows - 2, rows - 1, rows, 60]) {
          const { screen, display, frames } = show(t, { rows, agents, cleared });
          frames(30);
          assert.deepEqual(screen.history.filter(isOfView), [], `${agents} agents`);
          assert.match(screen.text, /\$ maos run\n.*running/, 'what was there before is still above it');
          display.stop('clear');
          assert.deepEqual(screen.history.filter(isOfView), []);
          assert.match(screen.text, /\$ maos run$/, 'and nothing of it is left');
          t.mock.timers.reset();
        }
      });
    }
  }

  it('shows what an agent asks while it waits, and how to answer', (t) => {
    const { screen, display, team, frames } = show(t, { rows: 10, agents: 1, cleared: true });
    const [asker = assert.fail()] = team.agents;
    const awaiting = { ...team, agents: [{ ...asker, stage: 'awaiting' as const }] };
    const id = makeInputRequestId('0'.repeat(26));
    const asked = { id, kind: 'permission', tool: 'Bash', action: 'git push' } as const;
    const doing = { name: asker.name, activity: 'Bash: git push', usage: null };
    const events = [
      agentEvent('request.opened', asker, time(1), { ...asked, expiresAt: time(60) }),
      agentEvent('agent.progressed', asker, time(1), doing),
    ];
    display.show(
      events.map((event, index) => ({ ...event, seq: index + 1 })),
      awaiting,
    );
    frames(1);
    assert.match(screen.text, /agent-0.* asks: Bash: git push$/m);
    assert.match(screen.text, /\n {2}An agent needs an answer; see: maos requests$/m);
    const by = 'a person at a terminal';
    const allowed = { ...asked, decision: 'allow', text: null, by } as const;
    display.show([{ ...agentEvent('request.answered', asker, time(2), allowed), seq: 3 }], team);
    frames(1);
    assert.match(screen.text, /agent-0.*\w {2}Bash: git push$/m, 'what it does now');
    assert.doesNotMatch(screen.text, /asks|needs an answer/);
    const denied = { ...asked, decision: 'deny', text: null, by } as const;
    display.show([{ ...agentEvent('request.answered', asker, time(2), denied), seq: 4 }], team);
    frames(1);
    assert.match(screen.text, /agent-0.*denied by a person/);
    display.stop('clear');
    t.mock.timers.reset();
  });

  it('keeps out of the history when the terminal gets lower, but for what the terminal itself moves there', (t) => {
    const { screen, frames, resize } = show(t, { rows: 30, agents: 40, cleared: false });
    frames(5);
    resize(10);
    const moved = screen.history.length;
    frames(20);
    assert.equal(screen.history.length, moved);
    resize(40);
    frames(20);
    assert.equal(screen.history.length, moved);
  });
});

describe('drawing over what was drawn', () => {
  const end = '\u001b[K\n';
  it('goes up a row per line, and writes each line anew', () => {
    assert.equal(redraw(['c', 'd'], 2), `\u001b[2A\rc${end}d${end}`);
  });
  it('empties the rows that are not needed any more', () => {
    assert.equal(redraw(['c'], 3), `\u001b[3A\rc${end}${end}${end}\u001b[2A`);
  });
  it('goes nowhere before the first drawing', () => assert.equal(redraw(['a'], 0), `a${end}`));
});
