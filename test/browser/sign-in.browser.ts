import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { HttpProcess, maosFolder } from '../e2e/http-process.ts';
import { Gate } from '../helpers/gate.ts';
import type { MaosFolder } from '../presentation/cli/maos-process.ts';
import { lacksBrowser, newContext, openDashboard, signInLink, startBrowser } from './browser.ts';

const shown = (page: Page) => page.getByRole('link', { name: 'New team' }).first().waitFor();
const isSignedOut = (page: Page) => page.getByRole('heading', { name: 'Signed out' }).waitFor();
const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();

/** Everything that the pages of a context ask for, with all headers and bodies. */
function recorded(context: BrowserContext): () => Promise<string> {
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  return async () => {
    const all = requests.map(async (one) =>
      JSON.stringify([one.url(), await one.allHeaders(), one.postData()]),
    );
    return (await Promise.all(all)).join('\n');
  };
}

interface Kept extends Readonly<Record<string, unknown>> {
  readonly entries: readonly string[];
  readonly html: string;
}

/** All that scripts of a page find of where it was and what it keeps. */
const kept = `(async () => ({
  referrer: document.referrer,
  cookie: document.cookie,
  entries: navigation.entries().map(({ url }) => url),
  local: { ...localStorage },
  session: { ...sessionStorage },
  databases: await indexedDB.databases(),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
  html: document.documentElement.outerHTML,
}))()`;

describe('signing in and out', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('leaves no token and no code where anybody can find it', async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder, { env: { MAOS_LOG: 'trace' } });
    const url = `http://127.0.0.1:${server.port}`;
    const context = await newContext(t, browser);
    const asked = recorded(context);
    const page = await context.newPage();
    const link = await signInLink(folder, url);
    const code = new URL(link).searchParams.get('code') ?? assert.fail(link);
    const { token } = await folder.json<{ token: string }>('token');
    await page.goto(link);
    await shown(page);
    for (const view of ['Requests', 'New team', 'Sessions']) {
      await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: view }).click();
    }
    await page.reload();
    await shown(page);

    assert.equal(page.url(), `${url}/#/`);
    const { entries, html, ...others } = await page.evaluate<Kept>(kept);
    assert.deepEqual(others, {
      ...{ referrer: '', cookie: '', local: {}, session: {} },
      ...{ databases: [], caches: [], workers: 0 },
    });
    assert.ok(entries.length >= 3);
    const [cookie, ...more] = await context.cookies();
    assert.deepEqual(more, []);
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.path], [true, 'Strict', '/']);
    const secret = cookie?.value ?? '';
    const requests = (await asked()).split('\n');
    const [first, ...rest] = requests.filter((request) => !request.startsWith(`["${url}/assets/`));
    assert.ok(first?.includes(code), 'the first request is that of the link');
    assert.ok(rest.length > 5);
    await server.end();
    const files = readdirSync(folder.home, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && entry.name !== 'http-token',
    );
    assert.ok(files.some(({ parentPath }) => parentPath === join(folder.home, 'logs')));
    const contents = files.map(
      ({ parentPath, name }) => `${name}\n${readFileSync(join(parentPath, name), 'latin1')}`,
    );
    const places = { entries: entries.join(), html, rest: rest.join('\n'), files: contents.join('\n') };
    for (const [place, text] of Object.entries({ ...places, stderr: server.stderr })) {
      assert.ok(!text.includes(code), `the code is in ${place}`);
      assert.ok(!text.includes(token), `the token is in ${place}`);
      if (place !== 'rest') assert.ok(!text.includes(secret), `the cookie is in ${place}`);
    }
  });

  it('takes a link once, and only at its own server', async (t) => {
    const [mine, theirs] = [await maosFolder(t), await maosFolder(t)];
    const servers = [await HttpProcess.start(t, mine), await HttpProcess.start(t, theirs)] as const;
    const [own, other] = servers.map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
    const context = await newContext(t, browser);
    const page = await context.newPage();
    const link = await signInLink(mine, own);
    const elsewhere = await context.newPage();
    await elsewhere.goto(link.replace(own, other));
    assert.equal(await heading(elsewhere), 'This link is not valid');
    await page.goto(link);
    await shown(page);
    // Back past the address of the link, to where the tab was before.
    await page.goBack();
    assert.equal(page.url(), 'about:blank');
    const stranger = await (await newContext(t, browser)).newPage();
    await stranger.goto(link);
    assert.equal(await heading(stranger), 'This link is not valid');
    assert.equal((await stranger.goto(own))?.status(), 401);
    assert.equal(await heading(stranger), 'Sign in');
    const late = await signInLink(mine, own);
    await servers[0].end('SIGKILL');
    await HttpProcess.start(t, mine, { args: ['--http', String(servers[0].port), '--no-stdio'] });
    await stranger.goto(late);
    assert.equal(await heading(stranger), 'This link is not valid', 'codes are in memory only');
    await page.goto(own);
    await shown(page);
  });

  it('refuses a link after its minute', async (t) => {
    const folder = await maosFolder(t);
    const later = new Gate(folder.project, 'later');
    // The server's monotonic clock goes on by a minute once the gate is open.
    const clock = `import { existsSync } from 'node:fs';
      const now = performance.now.bind(performance);
      performance.now = () => now() + (existsSync(process.env.LATER) ? 60_000 : 0);`;
    const server = await HttpProcess.start(t, folder, {
      env: {
        LATER: later.path,
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(clock)}`,
      },
    });
    const url = `http://127.0.0.1:${server.port}`;
    const [used, late] = [await signInLink(folder, url), await signInLink(folder, url)];
    const page = await (await newContext(t, browser)).newPage();
    await page.goto(used);
    await shown(page);
    later.openNow();
    const stranger = await (await newContext(t, browser)).newPage();
    assert.equal((await stranger.goto(late))?.status(), 401);
    assert.equal(await heading(stranger), 'This link is not valid');
    assert.deepEqual(await stranger.context().cookies(), []);
    await page.reload();
    await shown(page);
  });

  it('keeps the servers of two homes on one host apart', async (t) => {
    const [mine, theirs] = [await maosFolder(t), await maosFolder(t)];
    await mine.run('run', '-x', 'a=echo a', 'Of my home');
    await theirs.run('run', '-x', 'b=echo b', 'Of another home');
    const one = await openDashboard(t, browser, { folder: mine });
    const server = await HttpProcess.start(t, theirs);
    const other = `http://127.0.0.1:${server.port}`;
    const page = await one.context.newPage();
    await page.goto(other);
    assert.equal(await heading(page), 'Sign in', 'the cookie of one home is worth nothing at another');
    const tokenOf = async (folder: MaosFolder) => (await folder.json<{ token: string }>('token')).token;
    const tokens = [await tokenOf(mine), await tokenOf(theirs)] as const;
    for (const [address, token, status] of [
      [one.url, tokens[0], 200],
      [one.url, tokens[1], 401],
      [other, tokens[0], 401],
      [other, tokens[1], 200],
    ] as const) {
      const answer = await fetch(`${address}/api/overview`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      assert.equal(answer.status, status);
    }
    await page.goto(await signInLink(theirs, other));
    await page.getByRole('link', { name: /Of another home/ }).waitFor();
    await one.page.reload();
    await one.page.getByRole('link', { name: /Of my home/ }).waitFor();
    assert.equal(await one.page.getByText('Of another home').count(), 0);
    // Cookies of both names reach both servers; each looks at its own.
    const cookies = await one.context.cookies();
    assert.equal(new Set(cookies.map(({ name }) => name)).size, 2);
    await one.context.addCookies(
      cookies.map(({ name }) => ({ name, value: 'x'.repeat(43), url: `${one.url}/api/` })),
    );
    await page.reload();
    await page.getByRole('link', { name: /Of another home/ }).waitFor();

    await one.page.getByRole('button', { name: 'Sign out' }).click();
    await isSignedOut(one.page);
    await page.reload();
    await page.getByRole('link', { name: /Of another home/ }).waitFor();
  });

  it('ends in every tab of the browser that signs out, and in no other', async (t) => {
    const first = await openDashboard(t, browser);
    const second = await first.context.newPage();
    await second.goto(`${first.url}/#/requests`);
    const others = await (await newContext(t, browser)).newPage();
    await others.goto(await signInLink(first.folder, first.url));
    await Promise.all([shown(second), shown(others)]);
    await first.page.getByRole('button', { name: 'Sign out' }).click();
    await Promise.all([isSignedOut(first.page), isSignedOut(second)]);
    assert.deepEqual(await first.context.cookies(), []);
    await others.reload();
    await shown(others);
    await first.page.goto(first.url);
    assert.equal(await heading(first.page), 'Sign in');
  });

  it('ends everywhere when the token is replaced', async (t) => {
    const { folder, url, page } = await openDashboard(t, browser);
    const others = await (await newContext(t, browser)).newPage();
    await others.goto(await signInLink(folder, url));
    await shown(others);
    assert.equal((await folder.run('token', '--rotate')).status, 0);
    await Promise.all([isSignedOut(page), isSignedOut(others)]);
    await others.goto(url);
    assert.equal(await heading(others), 'Sign in');
    await others.goto(await signInLink(folder, url));
    await shown(others);
  });
});
