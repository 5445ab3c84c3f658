import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { HttpProcess, maosFolder } from '../e2e/http-process.ts';
import { Gate } from '../helpers/gate.ts';
import { until } from '../helpers/waiting.ts';
import { jsonLines, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

/** The lines of an agent that the page shows, in order. */
async function linesOf(page: Page): Promise<readonly number[]> {
  const texts = await page.locator('.step-list .terminal').allTextContents();
  return [...texts.join('\n').matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
}

const names = ['one', 'two', 'three'] as const;

/** Each event of a session as the page shows it, oldest first. */
async function shownEvents(page: Page): Promise<readonly string[]> {
  const rows = await page
    .locator('.event')
    .evaluateAll((all) =>
      all.map((row) =>
        [
          row.querySelector('.event-agent')?.textContent,
          row.querySelector('.event-text')?.getAttribute('title'),
        ].join(' '),
      ),
    );
  return rows.reverse();
}

/** The same, as another program sees it. */
async function storedEvents(folder: MaosFolder, id: string): Promise<readonly string[]> {
  const { agents } = await folder.json<{ agents: { agent_id: string; name: string }[] }>('status', id);
  const nameOf = new Map(agents.map(({ agent_id, name }) => [agent_id, name]));
  const { stdout } = await folder.run('events', id, '--json');
  return jsonLines(stdout)
    .filter(({ type }) => type !== 'checkpoint.written')
    .map(({ agent_id, type }) => `${nameOf.get(String(agent_id)) ?? 'session'} ${type}`);
}

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('a page whose server is killed', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('says so, and continues in every tab without a gap or a repeat when it is back', async (t) => {
    const folder = await maosFolder(t);
    const gates = [1, 2, 3].map((number) => new Gate(folder.project, `part-${number}`));
    const parts = gates.map(
      (gate, index) =>
        `${gate.wait}; for i in $(seq ${1 + 300 * index} ${300 * (index + 1)}); do echo "line $i"; done`,
    );
    const beside = 'for i in 1 2 3 4 5 6; do sleep 0.2; done';
    const { session_id: id } = await folder.json<{ session_id: string }>(
      ...(['run', 'Print', '-x', `printer=${parts.join('; ')}`] as const),
      ...(['-x', `one=${gates[1]?.wait}; ${beside}`, '-x', `two=${gates[2]?.wait}; ${beside}`] as const),
      '--detach',
    );
    const dashboard = await openDashboard(t, browser, { folder, path: `#/sessions/${id}/agents/printer` });
    const { page, url, server, context } = dashboard;
    const events = await context.newPage();
    await events.goto(`${url}/#/sessions/${id}/events`);
    await events.locator('.event').first().waitFor();
    const [first, second, third] = gates as [Gate, Gate, Gate];
    first.openNow();
    await page
      .getByText(/^line 300$/m)
      .first()
      .waitFor();

    await server.end('SIGKILL');
    await Promise.all([page, events].map((tab) => tab.getByText(/^Disconnected from MAOS/).waitFor()));
    // What happens while nobody serves is not lost.
    second.openNow();
    await folder.run('message', 'send', id, 'printer', 'Are you there?');
    await HttpProcess.start(t, folder, { args: ['--http', String(server.port), '--no-stdio'] });
    await Promise.all(
      [page, events].map((tab) => tab.getByText(/^Disconnected from MAOS/).waitFor({ state: 'detached' })),
    );
    third.openNow();
    await page.locator('.agent-head .state').filter({ hasText: 'completed' }).waitFor();
    await page
      .getByText(/^line 900$/m)
      .first()
      .waitFor();
    while ((await page.getByRole('button', { name: 'Earlier steps' }).count()) > 0)
      await page.getByRole('button', { name: 'Earlier steps' }).click();
    assert.deepEqual(await linesOf(page), upTo(900));

    await folder.run('wait', id);
    await events.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
    const stored = await storedEvents(folder, id);
    await until(async () => (await events.locator('.event').count()) >= stored.length);
    assert.deepEqual(await shownEvents(events), stored);
  });

  it('shows in one tab what was done in another', async (t) => {
    const folder = await maosFolder(t);
    const gate = new Gate(folder.project, 'end');
    const { session_id: id } = await folder.json<{ session_id: string }>(
      ...(['run', 'Wait', '-x', `a=${gate.wait}`, '--detach'] as const),
    );
    const { page, context, url } = await openDashboard(t, browser, { folder, path: `#/sessions/${id}` });
    const other = await context.newPage();
    await other.goto(`${url}/#/sessions/${id}/agents`);
    await other.locator('.session-head .state').filter({ hasText: 'running' }).waitFor();
    await page.getByRole('button', { name: 'Pause…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
    await other.locator('.session-head .state').filter({ hasText: 'paused' }).waitFor();
    await other.getByRole('button', { name: 'Resume…' }).click();
    await other.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
    await page.locator('.session-head .state').filter({ hasText: 'running' }).waitFor();
    gate.openNow();
    for (const tab of [page, other])
      await tab.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
  });

  it('goes on in every tab with every event once, although the server ran the team itself', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(folder.home, { mode: 0o700 });
    const gates = new Map(names.map((name) => [name, new Gate(folder.project, name)]));
    const allowCommands = [...gates.values()].map(({ wait }) => wait);
    writeFileSync(join(folder.home, 'config.json'), JSON.stringify({ allowCommands }));
    const open = (name: (typeof names)[number]): void => gates.get(name)?.openNow();
    const { page, context, server, url } = await openDashboard(t, browser, { folder });
    const agents = [...gates].map(([name, { wait }]) => ({
      name,
      role: 'command',
      task: 'Wait.',
      command: wait,
    }));
    const { token } = await folder.json<{ token: string }>('token');
    const started = await fetch(`${url}/api/sessions`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ plan: { objective: 'Go on', agents } }),
    });
    const answer = (await started.json()) as { session_id: string };
    const id = answer.session_id;
    assert.ok(started.ok, JSON.stringify(answer));
    await page.goto(`${url}/#/sessions/${id}/events`);
    const graph = await context.newPage();
    await graph.goto(`${url}/#/sessions/${id}`);
    const isCompleted = async (name: string): Promise<void> => {
      await graph.getByRole('link', { name: new RegExp(`^${name} completed`) }).waitFor();
      await page
        .locator('.event')
        .filter({ hasText: name })
        .filter({ has: page.locator('[title="agent.completed"]') })
        .waitFor();
    };
    open('one');
    await isCompleted('one');

    await server.end('SIGKILL');
    const disconnected = (tab: Page) => tab.getByText(/^Disconnected from MAOS/);
    await Promise.all([page, graph].map((tab) => disconnected(tab).waitFor()));
    open('two');
    await HttpProcess.start(t, folder, { args: ['--http', String(server.port), '--no-stdio'] });
    await isCompleted('two');
    await Promise.all([page, graph].map((tab) => disconnected(tab).waitFor({ state: 'detached' })));

    open('three');
    await isCompleted('three');
    await page.locator('.event [title="session.completed"]').waitFor();
    const stored = await storedEvents(folder, id);
    await until(async () => (await page.locator('.event').count()) >= stored.length);
    assert.deepEqual(await shownEvents(page), stored);
    assert.deepEqual(
      stored.filter((event) => event.endsWith('agent.completed')),
      names.map((name) => `${name} agent.completed`),
    );
    await page.reload();
    await page.locator('.event [title="session.created"]').waitFor();
    assert.deepEqual(await shownEvents(page), stored);
  });
});
