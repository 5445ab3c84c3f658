import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { BusySession } from '../../bench/busy-session.ts';
import { maosFolder } from '../e2e/http-process.ts';
import { until } from '../helpers/waiting.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

const [agents, stored, more] = [200, 25_000, 2_000];

/** How fast all this is: `npm run bench -- --only dashboard`. */
describe('a session of 200 agents', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('is shown whole, with rows for what is in view only, and with every event that comes in', async (t) => {
    const folder = await maosFolder(t);
    mkdirSync(folder.home, { mode: 0o700 });
    const session = await BusySession.start(folder, agents, stored);
    try {
      const { page, url, server, faults } = await openDashboard(t, browser, { folder });
      await page.goto(`${url}/#/sessions/${session.id}`);
      await page
        .locator('.node')
        .nth(agents - 1)
        .waitFor();
      assert.equal(await page.locator('.node').count(), agents);
      await page.goto(`${url}/#/sessions/${session.id}/events`);
      const loaded = (count: number, of: number) =>
        page.getByText(`${count.toLocaleString('en-GB')} of ${of.toLocaleString('en-GB')} loaded`).waitFor();
      await loaded(200, stored);
      await page.evaluate(`
        globalThis.shifts = [];
        new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
          .observe({ type: 'layout-shift' })`);
      const stop = new AbortController();
      const working = session.work(1_000, stop.signal);
      const goal = stored + more;
      await until(() => session.lastSeq >= goal);
      stop.abort();
      await working;
      const last = session.lastSeq;
      await loaded(200 + last - stored, last);
      assert.ok((await page.locator('.event').count()) < 120);
      const shifted = await page.evaluate<number>('shifts.reduce((sum, shift) => sum + shift, 0)');
      // What https://web.dev/articles/cls calls good for a whole visit.
      assert.ok(shifted < 0.1, `the layout has shifted by ${shifted}`);
      assert.deepEqual(faults, []);
      await server.end();
    } finally {
      session.close();
    }
  });
});
