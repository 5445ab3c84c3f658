import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { configPath, loadConfig } from '../../../src/infrastructure/config/config.ts';
import { editConfig } from '../../../src/infrastructure/config/config-edit.ts';

const hash = 'b'.repeat(64);
let home: string;
let file: string;

beforeEach((t) => {
  home = mkdtempSync(join(tmpdir(), 'maos-config-edit-'));
  file = configPath(home);
  mkdirSync(dirname(configPath(home, hash)), { recursive: true });
  (t as TestContext).after(() => rmSync(home, { recursive: true, force: true }));
});

const set = (key: string, text: string | null, projectHash: string | null = null) =>
  editConfig({ home, projectHash, key, text });
const content = (path = file): string => readFileSync(path, 'utf8');
const load = () => loadConfig({ home, projectHash: hash, env: {} }).config;

describe('changing a setting in its file', () => {
  it('makes the file, for its user alone', async () => {
    assert.deepEqual(await set('limits.stallMinutes', '45'), { file, changed: true });
    assert.equal(content(), '{\n  "limits": {\n    "stallMinutes": 45\n  }\n}\n');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(load().limits.stallMinutes, 45);
  });

  it('keeps comments, trailing commas, indentation and line ends', async () => {
    const before =
      '// mine\r\n{\r\n\t"backend": "codex", // cheap\r\n\t/* caps */\r\n\t"limits": {\r\n\t\t"maxOutputMb": 5,\r\n\t},\r\n}\r\n';
    writeFileSync(file, before);
    await set('limits.maxOutputMb', '7');
    assert.equal(content(), before.replace('5', '7'));
    await set('limits.stallMinutes', 'none');
    assert.match(content(), /\r\n\t\t"maxOutputMb": 7,\r\n\t\t"stallMinutes": null/);
    assert.match(content(), /"codex", \/\/ cheap\r\n\t\/\* caps \*\//);
    await set('limits.stallMinutes', null);
    assert.equal(load().limits.maxOutputMb, 7);
    assert.match(content(), /^\/\/ mine/);
    assert.equal(load().limits.stallMinutes, 20);
  });

  it('takes text, numbers, none, JSON, and entries by name', async () => {
    await set('backend', 'codex');
    await set('quota.autoResume', 'true');
    await set('allowCommands', '["npm test","npm run *"]');
    await set('roles.tester.backend', 'claude');
    await set('roles.tester.model', 'null');
    await set('backends.agentClient.goose', '{"command": "/bin/true"}');
    const config = load();
    assert.equal(config.backend, 'codex');
    assert.equal(config.quota.autoResume, true);
    assert.deepEqual(config.allowCommands, ['npm test', 'npm run *']);
    assert.equal(config.roles.tester?.backend, 'claude');
    assert.deepEqual(Object.keys(config.backends.agentClient), ['goose']);
    assert.deepEqual(await set('backend', 'codex'), { file, changed: false });
  });

  it('writes a project its own', async () => {
    const its = configPath(home, hash);
    assert.deepEqual(await set('maxDepth', '4', hash), { file: its, changed: true });
    assert.equal(load().maxDepth, 4);
  });

  it('refuses what is wrong, and writes nothing', async () => {
    const before = '{ "maxDepth": 3 }';
    writeFileSync(file, before);
    const wrong: [key: string, text: string | null, code: string, message: RegExp, project?: string][] = [
      ['limits.stallMinuts', '1', 'INVALID_INPUT', /is not a setting\. Did you mean limits\.stallMinutes\?/],
      ['limits', '1', 'INVALID_INPUT', /a group of settings: limits\.stallMinutes,/],
      ['__proto__.x', '1', 'INVALID_INPUT', /is not a setting/],
      ['limits.stallMinutes', 'soon', 'INVALID_INPUT', /stallMinutes is "soon"; it must be a number from/],
      ['roles.tester.colour', 'red', 'CONFIG_INVALID', /roles\.tester\.colour is not a setting/],
      ['allowCommands', '["ls"]', 'FORBIDDEN', /only in your own settings: leave out --project/, hash],
    ];
    for (const [key, text, code, message, project = null] of wrong) {
      await assert.rejects(set(key, text, project), (error) => {
        assert.ok(isMaosError(error), String(error));
        assert.equal(error.code, code, key);
        assert.match(error.message, message);
        return true;
      });
    }
    assert.equal(content(), before);
  });

  it('leaves a file alone that is no JSON, and lets a wrong setting be removed', async () => {
    writeFileSync(file, '{ "maxDepth": 3');
    await assert.rejects(set('maxDepth', '4'), /is not valid JSON: line 1/);
    writeFileSync(file, '{ "maxDepth": "deep", "backend": "codex" }');
    await assert.rejects(set('backend', 'claude'), /maxDepth is "deep"/);
    await set('maxDepth', null);
    assert.equal(load().backend, 'codex');
  });

  it('follows a link to where the file really is, and keeps its mode', async () => {
    const real = join(home, 'dotfiles.json');
    writeFileSync(real, '{}', { mode: 0o640 });
    symlinkSync(real, file);
    await set('maxDepth', '1');
    assert.equal(JSON.parse(content(real)).maxDepth, 1);
    assert.equal(statSync(real).mode & 0o777, 0o640);
  });
});
