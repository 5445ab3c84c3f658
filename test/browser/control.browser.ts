import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { maosFolder } from '../e2e/http-process.ts';
import { player, success } from '../helpers/fake-claude.ts';
import { Gate } from '../helpers/gate.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { lacksBrowser, openDashboard, startBrowser } from './browser.ts';

interface Status {
  readonly state: string;
  readonly agents: readonly { readonly name: string; readonly state: string; readonly attempt: number }[];
}

const statusOf = (folder: MaosFolder, id: string): Promise<Status> => folder.json<Status>('status', id);

async function run(folder: MaosFolder, ...args: readonly string[]): Promise<string> {
  return (await folder.json<{ session_id: string }>('run', ...args, '--detach')).session_id;
}

function configure(folder: MaosFolder, config: object): void {
  mkdirSync(folder.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder.home, 'config.json'), JSON.stringify(config));
}

/** Chooses an action, reads what it will do, and confirms it. */
async function act(page: Page, title: string, announced: RegExp): Promise<void> {
  await page.getByRole('button', { name: `${title}…` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(announced).first().waitFor();
  await dialog.getByRole('button', { name: title, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

describe('what is done on the page, seen from a terminal', { skip: lacksBrowser }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it('pauses, resumes and cancels a session, and cancels one of its agents', async (t) => {
    const folder = await maosFolder(t);
    const gate = new Gate(folder.project, 'open');
    const id = await run(folder, '-x', `one=${gate.wait}`, '-x', `two=${gate.wait}`, 'Work');
    const { page, faults } = await openDashboard(t, browser, { folder, path: `#/sessions/${id}` });
    const sessionIs = (state: string) =>
      page.locator('.session-head .state').filter({ hasText: state }).waitFor();

    await page.getByRole('button', { name: 'Cancel…' }).click();
    await page.getByRole('button', { name: 'Leave it' }).click();
    assert.equal((await statusOf(folder, id)).state, 'running', 'looking at what would happen does nothing');

    await act(page, 'Pause', /agent/);
    await sessionIs('paused');
    assert.equal((await statusOf(folder, id)).state, 'paused');
    await act(page, 'Resume', /agent/);
    await sessionIs('running');
    assert.equal((await statusOf(folder, id)).state, 'running');

    await page.getByRole('link', { name: /^two / }).click();
    await act(page, 'Cancel agent', /agent|two/);
    await page.locator('.agent-head .state').filter({ hasText: 'cancelled' }).waitFor();
    const { state, agents } = await statusOf(folder, id);
    assert.equal(state, 'running');
    assert.equal(agents.find(({ name }) => name === 'two')?.state, 'cancelled');

    await page.getByRole('link', { name: '‹ Session' }).click();
    await act(page, 'Cancel', /agent/);
    await sessionIs('cancelled');
    assert.equal((await statusOf(folder, id)).state, 'cancelled');
    assert.deepEqual(faults, []);
  });

  it('retries what failed: one agent, then the session', async (t) => {
    const folder = await maosFolder(t);
    const [first, second] = [new Gate(folder.project, 'first'), new Gate(folder.project, 'second')];
    const id = await run(folder, '-x', `one=${first.test}`, '-x', `two=${second.test}`, 'Try');
    await folder.run('wait', id);
    const { page, faults } = await openDashboard(t, browser, {
      folder,
      path: `#/sessions/${id}/agents/one`,
    });
    first.openNow();
    await act(page, 'Retry agent', /one|agent/);
    await page.locator('.agent-head .state').filter({ hasText: 'completed' }).waitFor();
    await folder.run('wait', id);
    const states = async () => {
      const { agents } = await statusOf(folder, id);
      return agents.map(({ name, state, attempt }) => `${name} ${state} ${attempt}`);
    };
    assert.deepEqual(await states(), ['one completed 2', 'two failed 1']);
    second.openNow();
    await page.getByRole('link', { name: '‹ Session' }).click();
    await act(page, 'Retry', /agent/);
    await page.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
    assert.deepEqual(await states(), ['one completed 2', 'two completed 2']);
    assert.deepEqual(faults, []);
  });

  it('lands the work of a team, after it has shown what would land', async (t) => {
    const folder = await maosFolder(t);
    makeRepository(folder.project, {
      'greeting.txt': 'none\n',
      '.gitignore': '/home/\n/claude-config/\n*.json\n',
    });
    const agent = { role: 'engineer', task: 'Greet.', workspace: 'worktree' };
    const plan = {
      objective: 'Greet.',
      agents: [{ ...agent, name: 'english', command: 'echo hello > greeting.txt' }],
    };
    const file = join(folder.project, 'plan.json');
    writeFileSync(file, JSON.stringify(plan));
    const id = await run(folder, file);
    assert.equal((await folder.run('wait', id)).status, 0);
    const { page, faults } = await openDashboard(t, browser, { folder, path: `#/sessions/${id}/landing` });
    const greeting = () => readFileSync(join(folder.project, 'greeting.txt'), 'utf8');
    await page.getByRole('button', { name: 'Land…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/^english: /).waitFor();
    assert.equal(greeting(), 'none\n');
    await dialog.getByRole('button', { name: 'Land', exact: true }).click();
    await page
      .getByText(/lands the work of another session/)
      .first()
      .waitFor();
    await page.locator('.session-head .state').filter({ hasText: 'completed' }).waitFor();
    assert.equal(greeting(), 'hello\n');
    assert.match(gitIn(folder.project, 'log', '--format=%s', 'main'), /english|Greet/);
    await page.getByRole('navigation', { name: 'Session' }).getByRole('link', { name: 'Landing' }).click();
    await page.getByRole('cell', { name: 'landed', exact: true }).waitFor();
    assert.deepEqual(faults, []);
  });

  it('answers questions, by a choice and in own words, from the bar above every view', async (t) => {
    const folder = await maosFolder(t);
    const ask = (text: string) =>
      `'${process.execPath}' '${bundle}' ask '${text}' --choice 8080 --choice 3000`;
    const id = await run(folder, '-x', `asker=${ask('Which port?')} && ${ask('And then?')}`, 'Ask');
    const { page, faults } = await openDashboard(t, browser, { folder, path: '#/new' });
    const bar = page.getByRole('region', { name: 'Open requests' });
    await bar.getByRole('button', { name: 'Answer…' }).click();
    await bar.getByText('Which port?').last().waitFor();
    await bar.getByRole('button', { name: '3000' }).click();
    await bar.getByText('And then?').last().waitFor();
    await bar.getByRole('textbox', { name: 'Your answer' }).fill('<b>None</b> at all');
    await bar.getByRole('button', { name: 'Answer', exact: true }).click();
    await bar.waitFor({ state: 'hidden' });
    assert.equal((await folder.run('wait', id)).status, 0);
    const { requests } = await folder.json<{ requests: { answer: string }[] }>('requests', id, '--closed');
    assert.deepEqual(requests.map(({ answer }) => answer).sort(), ['3000', '<b>None</b> at all']);
    assert.deepEqual(faults, []);
  });

  it('allows and denies what agents ask to do', async (t) => {
    const folder = await maosFolder(t);
    const program = join(folder.project, 'claude');
    const script = fileURLToPath(new URL('../fixtures/programs/fake-claude.mjs', import.meta.url));
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`);
    chmodSync(program, 0o755);
    configure(folder, { backends: { claude: { path: program } } });
    const asks = (name: string, command: string) =>
      player(folder.project, name, [[{ ask: { tool: 'Bash', input: { command } } }, success('Done.')]]);
    const plan = {
      objective: 'Ask.',
      agents: [asks('careful', 'git status'), asks('reckless', 'rm -rf /\u202e # gnirts')],
    };
    const file = join(folder.project, 'plan.json');
    writeFileSync(file, JSON.stringify(plan));
    const id = await run(folder, file);
    const { page, faults } = await openDashboard(t, browser, { folder, path: '#/requests' });
    const card = (name: string) => page.getByRole('article', { name: `${name} asks` });
    await card('reckless')
      .getByText(/rm -rf \/.*202e/i)
      .waitFor();
    await card('reckless').getByRole('textbox').fill('Never that.');
    await card('reckless').getByRole('button', { name: 'Deny' }).click();
    await card('reckless').waitFor({ state: 'detached' });
    await card('careful').getByRole('button', { name: 'Allow' }).click();
    await card('careful').waitFor({ state: 'detached' });
    await page.getByText('Nothing waits for you').waitFor();
    await folder.run('wait', id);
    const did = (name: string) => existsSync(join(folder.project, `${name}.acted`));
    assert.deepEqual([did('careful'), did('reckless')], [true, false]);
    assert.match(readFileSync(join(folder.project, 'reckless.answers'), 'utf8'), /Never that\./);
    const { requests } = await folder.json<{ requests: { agent: string; decision: string }[] }>(
      'requests',
      id,
      '--closed',
    );
    assert.deepEqual(requests.map(({ agent, decision }) => `${agent} ${decision}`).sort(), [
      'careful allow',
      'reckless deny',
    ]);
    assert.deepEqual(faults, []);
  });

  it('starts a team from a plan file: its faults, what would happen, and only then the team', async (t) => {
    const folder = await maosFolder(t);
    configure(folder, { allowCommands: ['echo hello'] });
    const { page, faults } = await openDashboard(t, browser, { folder, path: '#/new' });
    const show = page.getByRole('button', { name: 'Show what will happen' });
    const start = page.getByRole('button', { name: 'Start the team' });
    await page.getByRole('button', { name: 'Plan file' }).click();
    const file = (text: string) => ({ name: 'plan.yaml', mimeType: 'text/yaml', buffer: Buffer.from(text) });
    const yaml = 'objective: Say hello\nagents:\n  - name: hello\n    role: command\n    task: Say it.\n';
    await page.getByLabel('Choose a file').setInputFiles(file(`${yaml}    comand: echo hello\n`));
    await show.click();
    await page.getByRole('button', { name: /^Line 6, column/ }).click();
    assert.ok(await page.evaluate<boolean>('document.activeElement.selectionStart > 0'));
    assert.ok(await start.isDisabled());
    await page.getByLabel('The plan, as JSON or YAML').fill(`${yaml}    command: echo hello\n`);
    await show.click();
    await page.getByRole('heading', { name: '1 agent in 1 phase' }).waitFor();
    const sessions = async () => (await folder.json<{ sessions: { session_id: string }[] }>('list')).sessions;
    assert.deepEqual(await sessions(), []);
    await start.click();
    await page.getByRole('heading', { name: 'Say hello' }).waitFor();
    const [session, ...others] = await until(async () => {
      const found = await sessions();
      return found.length > 0 ? found : null;
    });
    assert.deepEqual(others, []);
    await folder.run('wait', String(session?.session_id));
    assert.match((await folder.run('logs', String(session?.session_id))).stdout, /hello/);
    // A faulty plan is answered with 400, which the browser mentions.
    assert.deepEqual(
      faults.filter((fault) => !/status of 400/.test(fault)),
      [],
    );
  });
});
