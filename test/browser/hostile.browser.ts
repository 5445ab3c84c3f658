import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { player, turn } from '../helpers/fake-claude.ts';
import { makeRepository } from '../helpers/git-project.ts';
import { steering } from '../helpers/hostile-world.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';
import { hostileInputs, hostileName, hostileText } from './hostile-inputs.ts';

const program = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/programs/${name}`, import.meta.url));

/** A project of hostile name with a team whose every word is hostile; one agent of it asks, another waits for permission. */
async function hostileTeam(t: TestContext): Promise<{ folder: MaosFolder; id: string }> {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), 'maos-hostile-')));
  const folder = new MaosFolder(join(outer, `project ${hostileName}`));
  t.after(() => folder.remove());
  const { project, home } = folder;
  makeRepository(project, { '.gitignore': 'home/\n*.play.json\n', 'all.md': 'none\n' });
  const path = join(outer, 'claude');
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${program('fake-claude.mjs')}' "$@"\n`);
  chmodSync(path, 0o755);
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'config.json'), JSON.stringify({ backends: { claude: { path } } }));
  const texts = join(outer, 'texts.json');
  const inputs = Object.values(hostileInputs);
  writeFileSync(texts, JSON.stringify({ text: hostileText, name: hostileName, inputs }));
  const role = { name: 'own_role', description: hostileText.slice(0, 900), responsibilities: [hostileName] };
  const task = hostileText.slice(0, 10_000);
  const author = (name: string, mode: string) => {
    const command = [process.execPath, program('hostile-author.mjs'), mode, texts, bundle];
    return { name, role, task, backend: 'command', command };
  };
  const said = inputs.map((text) => turn(1, text));
  const use = { type: 'tool_use', id: 'use-1', name: hostileName, input: { [hostileName]: hostileText } };
  const used = [
    {
      type: 'assistant',
      message: { id: 'msg_use', model: 'claude-x', usage: { input_tokens: 1 }, content: [use] },
    },
    {
      type: 'user',
      message: {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'use-1', content: hostileText, is_error: true }],
      },
    },
  ];
  const ask = { ask: { tool: 'Bash', input: { command: hostileText, description: hostileName } } };
  const talker = player(project, 'talker', [[...said, ...used.map((line) => ({ line })), ask]], {
    model: '<img/src/onerror=alert(1)>',
  });
  const plan = {
    objective: hostileText.slice(0, 4_000),
    agents: [
      {
        ...author('writer', 'write'),
        workspace: 'worktree',
        verify: { commands: [`cat all.md; echo '${hostileName.replaceAll("'", '')}'; false`], fix_rounds: 0 },
      },
      author('asker', 'ask'),
      author('failing', 'fail'),
      talker,
    ],
  };
  const file = join(outer, 'plan.json');
  writeFileSync(file, JSON.stringify(plan));
  const { session_id: id } = await folder.json<{ session_id: string }>('run', file, '--detach');
  await until(async () => {
    const { agents } = await folder.json<{ agents: { name: string; state: string }[] }>('status', id);
    const { requests } = await folder.json<{ requests: unknown[] }>('requests', id);
    const failed = agents.filter(({ state }) => state === 'failed').map(({ name }) => name);
    return requests.length === 2 && failed.join() === 'writer,failing';
  });
  return { folder, id };
}

/** Elements and attributes that no view has of its own. */
const foreignElements = `(() => {
  const foreign = 'iframe, object, embed, img, picture, video, audio, base, style, template, math, meta[http-equiv], form[action], ' +
    'script:not([src^="/assets/"]), link:not([href^="/assets/"]):not([href^="data:"]), svg script, svg use, svg image, svg animate';
  const found = [...document.querySelectorAll(foreign)].map((element) => element.outerHTML.slice(0, 200));
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith('on') || (name !== 'content' && /^\\s*(javascript|vbscript|data:text)/i.test(value))) {
        if (!['title', 'aria-label', 'value', 'data-name', 'placeholder'].includes(name)) found.push(name + '=' + value.slice(0, 200));
      }
    }
  }
  for (const link of document.querySelectorAll('a[href]')) {
    if (!URL.canParse(link.href)) continue;
    const { protocol, host } = new URL(link.href);
    const isOwn = host === location.host;
    if (!/^https?:$/.test(protocol) || (!isOwn && (link.target !== '_blank' || !/noopener/.test(link.rel)))) found.push(link.outerHTML.slice(0, 200));
  }
  return found;
})()`;

/** Elements that make the window, or a part of it, scroll sideways. */
const tooWide = `[...document.querySelectorAll('html, main, .sessions, .session, .agent')]
  .filter((pane) => pane.clientWidth > 0 && pane.scrollWidth > pane.clientWidth)
  .flatMap((pane) => [...pane.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth)
    .slice(-3)
    .map((element) => pane.scrollWidth + ' px wide in ' + pane.clientWidth + ': ' + element.outerHTML.slice(0, 300)))`;

/** Goes to a view, and waits until it is drawn. */
async function show(page: Page, view: string): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    addEventListener('hashchange', () => requestAnimationFrame(() => requestAnimationFrame(resolve)), { once: true });
    location.hash = ${JSON.stringify(view)};
  })`);
  // Without a string to evaluate in a loop, which the policy of the page refuses.
  while ((await page.locator('.loading').count()) > 0)
    await page.locator('.loading').first().waitFor({ state: 'detached' });
  for (const folded of await page.locator('main details:not([open]) > summary').all())
    await folded.click({ force: true });
}

const isHostile = `[...document.querySelectorAll('.sessions, main .page, main .tab-content')]
  .at(-1)?.textContent.includes('<img src=x onerror=') ?? false`;

/** The ends of the addresses where hostile texts must be seen. */
const telling = [
  ...['#/', '#/requests', '/agents', '/events', '/messages', '/landing'],
  ...['writer/steps', 'writer/task', 'writer/stderr', 'writer/files', 'writer/diff', 'writer/checks'],
  ...['asker/task', 'failing/stderr', 'talker/steps', 'talker/task'],
];

/** What is wrong with a view, whose texts are hostile. */
async function faultsOf(page: Page): Promise<readonly string[]> {
  const found = [...(await page.evaluate<string[]>(foreignElements))];
  if ((await page.evaluate('globalThis.pwned')) !== undefined) found.push('a script has run');
  const html = await page.evaluate<string>('document.documentElement.outerHTML');
  const hidden = steering.exec(html.replaceAll('\r', ''));
  if (hidden !== null) {
    const around = html.slice(Math.max(0, hidden.index - 150), hidden.index + 30);
    found.push(`U+${hidden[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(around)}`);
  }
  found.push(...(await page.evaluate<string[]>(tooWide)));
  return found;
}

const views = (id: string): readonly string[] => [
  ...['#/', '#/requests', '#/new'],
  ...['graph', 'agents', 'timeline', 'events', 'messages', 'usage', 'landing'].map(
    (tab) => `#/sessions/${id}/${tab}`,
  ),
  ...['writer', 'asker', 'failing', 'talker'].flatMap((agent) =>
    ['steps', 'task', 'stderr', 'files', 'diff', 'checks', 'attempts'].map(
      (tab) => `#/sessions/${id}/agents/${agent}/${tab}`,
    ),
  ),
];

describe("agents' texts on the page", { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('are shown in every view; nothing of them runs, loads, hides, reorders or widens anything', async (t) => {
    const { folder, id } = await hostileTeam(t);
    const { page, context, url, faults } = await openDashboard(t, browser, { folder });
    const pwned: string[] = [];
    const found: string[] = [];
    const look = async (view: string): Promise<void> => {
      found.push(...(await faultsOf(page)).map((fault) => `${view}: ${fault}`));
      found.push(...[...pwned.splice(0), ...faults.splice(0)].map((fault) => `${view}: ${fault}`));
    };
    page.on('dialog', (dialog) => {
      pwned.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on('page', (opened) => pwned.push(`window: ${opened.url()}`));
    await context.route(
      (asked) => asked.origin !== url,
      (route) => {
        pwned.push(`request: ${route.request().url()}`);
        return route.abort();
      },
    );
    page.on('framenavigated', (frame) => {
      if (!frame.url().startsWith(url)) pwned.push(`navigation: ${frame.url()}`);
    });
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [360, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      for (const view of views(id)) {
        await show(page, view);
        await look(`${view} at ${width} px`);
        if (telling.some((end) => view.endsWith(end)) && !(await page.evaluate<boolean>(isHostile)))
          found.push(`${view} at ${width} px: shows nothing hostile`);
      }
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    // Something of the texts is there, so the views have not merely failed.
    await page.goto(`${url}/#/sessions/${id}/agents/talker`);
    await page.getByText('<script>globalThis.pwned=1</script>').first().waitFor();
    await page
      .getByText(/\[image: pixel\]/)
      .first()
      .waitFor();

    await page.goto(`${url}/#/sessions/${id}`);
    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: 'Cancel', exact: true, disabled: false })
      .waitFor();
    await look('the dialog');
    await page.getByRole('button', { name: 'Leave it' }).click();

    await page.goto(`${url}/#/new`);
    await page.getByRole('button', { name: 'Plan file' }).click();
    const agent = { role: 'reviewer', task: hostileText.slice(0, 9_000), name: 'a' };
    const plan = { objective: hostileText.slice(0, 4_000), agents: [agent] };
    for (const [text, shows] of [
      [JSON.stringify({ ...plan, [hostileName]: hostileText }, null, 1), 'problem'],
      [JSON.stringify(plan, null, 1), 'plan-preview'],
    ] as const) {
      await page.getByLabel('The plan, as JSON or YAML').fill(text);
      await page.getByRole('button', { name: 'Show what will happen' }).click();
      await page.locator(`.result .${shows}, .result > :first-child`).first().waitFor();
      // The browser mentions that the plan was refused.
      faults.splice(0, faults.length, ...faults.filter((fault) => !/status of 400/.test(fault)));
      await look(`a plan: ${shows}`);
    }
    assert.deepEqual(found, []);
  });
});
