import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser, Page, Request } from 'playwright-core';
import { Gate } from '../helpers/gate.ts';
import { until } from '../helpers/waiting.ts';
import { bundle } from '../presentation/cli/maos-process.ts';
import { type Dashboard, lacksBrowser, openDashboard, startBrowser } from './browser.ts';

/** Resolves to this machine, as a name does that its owner has rebound. */
const rebound = 'rebound.example';

interface OtherServer {
  readonly port: number;
  /** Of each request, in order. */
  readonly heard: readonly IncomingHttpHeaders[];
}

/** Another program's server on this host, with an empty page at every address. */
async function otherServer(t: TestContext): Promise<OtherServer> {
  const heard: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    heard.push(request.headers);
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Other</title><p>Other</p>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, heard };
}

interface Target extends Dashboard {
  readonly id: string;
  readonly request: string;
  /** Fails if anything has changed: the session, its open request, the sign-in, the list of sessions. */
  readonly assertUntouched: () => Promise<void>;
}

/** A signed-in browser, and a team that runs and asks. */
async function target(t: TestContext, browser: Browser): Promise<Target> {
  const dashboard = await openDashboard(t, browser);
  const { folder, page, url } = dashboard;
  const gate = new Gate(folder.project, 'never');
  const ask = `'${process.execPath}' '${bundle}' ask 'May I?' --choice yes`;
  const { session_id: id } = await folder.json<{ session_id: string }>(
    ...['run', '-x', `worker=${gate.wait}`, '-x', `asker=${ask}`, 'Secret plans', '--detach'],
  );
  // Without regard to notices: on a busy machine, the process that goes on with the session may seem to be late.
  const open = async (): Promise<string | undefined> =>
    JSON.parse((await folder.run('requests', id, '--json')).stdout).requests[0]?.request_id;
  const request = await until(open);
  const assertUntouched = async (): Promise<void> => {
    assert.equal((await folder.json<{ state: string }>('status', id)).state, 'running');
    assert.equal(await open(), request);
    assert.equal((await folder.json<{ sessions: unknown[] }>('list')).sessions.length, 1);
    await page.goto(`${url}/#/sessions/${id}`);
    await page.reload();
    await page.getByRole('heading', { name: 'Secret plans' }).waitFor();
  };
  return { ...dashboard, id, request, assertUntouched };
}

/** What a page tries against the server at `url`; each gives back what it could read. */
const attempts = `async ({ url, id, request }) => {
  const json = 'application/json', text = 'text/plain';
  const read = async (path, init) => {
    try {
      const answer = await fetch(url + path, { credentials: 'include', ...init });
      return answer.type === 'opaque' ? 'opaque' : answer.status + ' ' + (await answer.text());
    } catch { return 'refused'; }
  };
  const post = (path, body, type, mode) =>
    read(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': type }, mode });
  const submit = (path, name, value, enctype) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), { name: 'f' + Math.random() });
    const form = Object.assign(document.createElement('form'), { method: 'post', action: url + path, enctype, target: frame.name });
    const field = Object.assign(document.createElement('input'), { name, value });
    form.append(field);
    document.body.append(frame, form);
    frame.onload = () => { try { resolve('read ' + frame.contentDocument.body.textContent); } catch { resolve('unreadable'); } };
    form.submit();
  });
  const load = (tag, path) => new Promise((resolve) => {
    const element = document.createElement(tag);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('refused');
    if (tag === 'link') Object.assign(element, { rel: 'stylesheet', href: url + path });
    else element.src = url + path;
    document.body.append(element);
  });
  const stream = () => new Promise((resolve) => {
    const source = new EventSource(url + '/events?all=true', { withCredentials: true });
    source.addEventListener('snapshot', () => resolve('read'));
    source.onerror = () => { source.close(); resolve('refused'); };
  });
  const cancel = '/api/sessions/' + id + '/control';
  const plan = { plan: { objective: 'Evil', agents: [{ role: 'command', task: 'x', command: 'true' }] } };
  return {
    'reads sessions': await read('/api/sessions'),
    'reads sessions without cors': await read('/api/sessions', { mode: 'no-cors' }),
    'reads the page': await read('/'),
    'cancels': await post(cancel, { action: 'cancel' }, json),
    'cancels as text': await post(cancel, { action: 'cancel' }, text),
    'cancels without cors': await post(cancel, { action: 'cancel' }, text, 'no-cors'),
    'answers': await post('/api/requests/' + request, { answer: 'yes' }, json),
    'answers without cors': await post('/api/requests/' + request, { answer: 'yes' }, text, 'no-cors'),
    'starts a team': await post('/api/sessions', plan, json),
    'starts a team without cors': await post('/api/sessions', plan, text, 'no-cors'),
    'makes a link': await post('/api/sign-in-links', {}, json),
    'signs out': await post('/api/sign-out', {}, text, 'no-cors'),
    'puts': await read(cancel, { method: 'PUT', body: '{}' }),
    'deletes': await read('/api/sessions/' + id, { method: 'DELETE' }),
    'calls MCP': await post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }, json),
    'sends a beacon': String(navigator.sendBeacon(url + cancel, JSON.stringify({ action: 'cancel' }))),
    'submits a form': await submit(cancel, 'action', 'cancel', 'application/x-www-form-urlencoded'),
    'submits JSON as a form': await submit(cancel, '{"action":"cancel","x":"', '"}', 'text/plain'),
    'submits a file': await submit('/api/sign-out', 'x', 'y', 'multipart/form-data'),
    'loads an image': await load('img', '/api/sessions'),
    'loads a script': await load('script', '/api/sessions'),
    'loads the script of the page': await load('script', '/assets/app.js'),
    'loads a style': await load('link', '/api/sessions'),
    'hears events': await stream(),
  };
}`;

/** Runs the attempts in a page. @returns what they read, and the requests that reached the server, with headers */
async function attack(page: Page, { url, id, request }: Target) {
  const requests: Request[] = [];
  page.on('request', (one) => {
    if (one.url().startsWith(url)) requests.push(one);
  });
  const got = await page.evaluate<Readonly<Record<string, string>>>(
    `(${attempts})(${JSON.stringify({ url, id, request })})`,
  );
  const answers = await Promise.all(
    requests.map(async (one) => {
      const answer = await one.response().catch(() => null);
      return { status: answer?.status() ?? 0, cookie: (await one.allHeaders()).cookie };
    }),
  );
  return { got, answers };
}

describe('pages of others', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser([
      `--host-resolver-rules=MAP ${rebound} 127.0.0.1`,
      // Not every browser keeps pages of other places from asking servers of this machine.
      '--disable-features=LocalNetworkAccessChecks',
    ]);
  });
  after(() => browser?.close());

  it('have no power over a signed-in browser and a team that runs and asks', async (t) => {
    const attacked = await target(t, browser);
    for (const host of ['127.0.0.1', 'localhost', rebound]) {
      await t.test(`of another port of ${host} read nothing and change nothing`, async (t) => {
        const { port } = await otherServer(t);
        const page = await attacked.context.newPage();
        await page.goto(`http://${host}:${port}/`);
        const { got, answers } = await attack(page, attacked);
        const opened = ['opaque', 'refused', 'unreadable', 'true'];
        assert.deepEqual(
          Object.entries(got).filter(([, read]) => !opened.includes(read)),
          [],
        );
        assert.ok(answers.length > 15);
        assert.deepEqual(
          answers.filter(({ status }) => status !== 0 && status !== 403),
          [],
        );
        // What makes it dangerous: the browser sends the cookie to every port of the host.
        assert.equal(
          answers.some(({ cookie }) => cookie?.includes('maos_')),
          host === '127.0.0.1',
        );
        await attacked.assertUntouched();
      });
    }

    await t.test('at a name that was rebound to this machine and this port get nothing but 403', async () => {
      const own = `http://${rebound}:${attacked.server.port}`;
      const page = await attacked.context.newPage();
      // As if it was loaded before the name was rebound.
      await page.route(`${own}/before`, (route) =>
        route.fulfill({ contentType: 'text/html', body: '<!doctype html><body>Before' }),
      );
      await page.goto(`${own}/before`);
      const { got } = await attack(page, { ...attacked, url: own });
      const read = Object.entries(got).filter(([, text]) => !['opaque', 'refused', 'true'].includes(text));
      assert.ok(read.length > 8, JSON.stringify(got, null, 1));
      assert.deepEqual(
        read.filter(([, text]) => !/^(403|read) .*does not accept requests for the host/.test(text)),
        [],
      );
      assert.equal((await page.goto(own))?.status(), 403);
      await attacked.assertUntouched();
    });

    await t.test('show the dashboard in no frame, and open it in no window of theirs', async (t) => {
      const { context, url } = attacked;
      const { port } = await otherServer(t);
      const framing = `<!doctype html><body>${['iframe src', 'object data', 'embed src']
        .map((start) => `<${start}="${url}/"></${start.split(' ')[0]}>`)
        .join('')}`;
      // Even a page of the same origin, to which the server gives everything.
      for (const address of [`http://127.0.0.1:${port}/`, `${url}/framing`]) {
        const page = await context.newPage();
        const refused: string[] = [];
        page.on('console', (message) => refused.push(message.text()));
        await page.route(address, (route) => route.fulfill({ contentType: 'text/html', body: framing }));
        await page.goto(address);
        const frames = page.frames().slice(1);
        assert.ok(frames.length > 0);
        for (const frame of frames) {
          // The element that was refused may show something else instead.
          const content = await frame.content().catch(() => '');
          assert.doesNotMatch(content, /MAOS|id="app"/, address);
        }
        assert.ok(
          refused.some((text) => /frame-ancestors/.test(text)),
          refused.join('\n'),
        );
      }
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      const [popup] = await Promise.all([
        page.waitForEvent('popup'),
        page.evaluate(`globalThis.opened = open(${JSON.stringify(url)})`),
      ]);
      await popup.getByRole('heading', { name: 'Opened from another page' }).waitFor();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.evaluate(`location.href = ${JSON.stringify(url)}`);
      await page.getByRole('heading', { name: 'Opened from another page' }).waitFor();
      await attacked.assertUntouched();
    });
  });

  it('that an agent links to do not hear where the link was, and cannot reach back', async (t) => {
    const { port, heard } = await otherServer(t);
    const { page, context, folder, url, faults } = await openDashboard(t, browser);
    const plan = {
      objective: 'Look it up',
      agents: [
        { name: 'a', role: 'command', command: 'true', task: `[there](http://localhost:${port}/there)` },
      ],
    };
    const run = folder.start(['run', '-', '--json'], { input: JSON.stringify(plan) });
    assert.equal((await run.finished).status, 0, (await run.finished).stderr);
    await page.getByRole('link', { name: /Look it up/ }).click();
    await page.getByRole('link', { name: /^a completed/ }).click();
    await page.getByRole('navigation', { name: 'Agent' }).getByRole('link', { name: 'Task' }).click();
    const [opened] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('link', { name: /there/ }).click(),
    ]);
    await opened.getByText('Other').waitFor();
    assert.equal(await opened.evaluate('opener'), null);
    assert.equal(await opened.evaluate('document.referrer'), '');
    const [first] = heard;
    assert.deepEqual([first?.referer, first?.cookie, first?.origin], [undefined, undefined, undefined]);
    assert.ok(page.url().startsWith(url));
    assert.deepEqual(faults, []);
  });
});
