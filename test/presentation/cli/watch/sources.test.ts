import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Agent } from '../../../../src/domain/agent.ts';
import { AgentSource } from '../../../../src/presentation/cli/watch/agent-source.ts';
import { SessionSource } from '../../../../src/presentation/cli/watch/session-source.ts';
import type { AgentView } from '../../../../src/presentation/cli/watch/state.ts';
import { Gate } from '../../../helpers/gate.ts';
import { lacksProcesses, realProject, settled, shell, start } from '../../../helpers/real-project.ts';
import { until } from '../../../helpers/waiting.ts';

describe('what a watched session shows', () => {
  it('is read again only after something has happened in it', async (t) => {
    const real = realProject(t);
    const id = await start(real, [
      shell('first', 'echo one'),
      shell('second', 'true', { depends_on: ['first'] }),
    ]);
    const source = new SessionSource(real.project, id);
    assert.equal(source.read()?.workflow.session.id, id);
    await settled(real, id);
    const view = source.read();
    assert.equal(view?.workflow.session.state, 'completed');
    assert.equal(view?.events.at(-1)?.type, 'session.completed');
    const numbers = view?.events.map(({ seq }) => seq) ?? [];
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    );
    assert.equal(source.read(), null);
    // Another session of the project changes nothing here.
    await settled(real, await start(real, [shell('other', 'true')]));
    assert.equal(source.read(), null);
  });

  it('is the output of an agent while it prints, and what a later attempt adds', async (t) => {
    if (lacksProcesses(t, 'it prints while it waits')) return;
    const real = realProject(t);
    const gate = new Gate(real.root, 'printed');
    const id = await start(real, [shell('work', `echo one; ${gate.wait}; echo two`)]);
    const latest = () => {
      const workflow = real.project.store.load(id);
      return { workflow, agent: workflow.agents[0] as Agent, tab: 'output' } as const;
    };
    const shown: AgentView[] = [];
    const source = new AgentSource(real.project, latest(), (view) => shown.push(view));
    t.after(() => source.stop());
    const lines = (): string | undefined => shown.at(-1)?.output?.join();
    const look = (wanted: string) => () => {
      source.look(latest());
      return lines() === wanted;
    };
    await until(look('one'));
    gate.openNow();
    await settled(real, id);
    await until(look('one,two'));
    // Nothing more can come: no further view, however often it looks.
    const count = shown.length;
    source.look(latest());
    source.look({ ...latest(), tab: 'diff' });
    assert.equal(shown.length, count);
  });
});
