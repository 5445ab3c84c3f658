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

describe('tabs of a server that is killed', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('say so, and go on by themselves with every event once, although it ran the team itself', async (t) => {
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
