import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { maosFolder } from '../e2e/http-process.ts';
import { accessibilityFaults } from './axe.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

describe('the dashboard', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 360],
  ] as const) {
    it(`shows a session that starts while it is looked at, ${colorScheme}, ${width} px wide`, async (t) => {
      const viewport = { width, height: 800 };
      const { folder, page, faults } = await openDashboard(t, browser, { colorScheme, viewport });
      await page.getByText('No sessions yet').waitFor();
      assert.deepEqual(await accessibilityFaults(page), []);

      await folder.json('run', '-x', 'first=echo hello', 'Greet <b>everybody</b>', '--detach');
      await page.getByRole('link', { name: /Greet <b>everybody<\/b>/ }).click();
      await page.getByRole('heading', { name: 'Greet <b>everybody</b>' }).waitFor();
      const node = page.getByRole('link', { name: /^first completed/ });
      await node.waitFor();
      assert.deepEqual(await accessibilityFaults(page), []);
      for (const tab of ['Agents', 'Timeline', 'Events', 'Messages', 'Usage', 'Landing']) {
        await page.getByRole('navigation', { name: 'Session' }).getByRole('link', { name: tab }).click();
        await page.getByRole('status').filter({ hasText: 'Loading' }).waitFor({ state: 'detached' });
        assert.deepEqual(await accessibilityFaults(page), [], tab);
      }
      assert.deepEqual(faults, []);
    });
  }

  it('starts a team from the form, after it has shown what will happen', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(folder.home, { mode: 0o700 });
    writeFileSync(join(folder.home, 'config.json'), JSON.stringify({ allowCommands: ['echo hello'] }));
    const { page, faults } = await openDashboard(t, browser, { folder, path: '#/new' });
    await page.getByLabel('Objective').fill('Say hello');
    await page.getByLabel('Role').selectOption('command');
    await page.getByLabel('Command (a shell line)').fill('echo hello');
    await page.getByLabel('Task').fill('Say it.');
    await page.getByRole('button', { name: 'Show what will happen' }).click();
    await page.getByRole('heading', { name: '1 agent in 1 phase' }).waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.getByRole('button', { name: 'Start the team' }).click();
    await page.getByRole('link', { name: /^command completed/ }).click();
    await page.getByText('hello', { exact: true }).waitFor();
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(faults, []);
  });
});
