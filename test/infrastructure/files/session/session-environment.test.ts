import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  keepEnvironment,
  SessionEnvironments,
} from '../../../../src/infrastructure/files/session/session-environment.ts';

function scratchFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-environment-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'environment.json');
}

const plain = {
  PATH: '/tools:/bin',
  HOME: '/home/me',
  LANG: 'C',
  XDG_CONFIG_HOME: '/c',
  SSH_AUTH_SOCK: '/s',
};
const secrets = {
  ...{ GITHUB_TOKEN: 'a', AWS_SECRET_ACCESS_KEY: 'b', PGPASSWORD: 'c', MYSQL_PWD: 'd', DB_PASS: 'e' },
  ...{ SENTRY_DSN: 'f', DOCKER_AUTH: 'g' },
};
const shapes = {
  ...{
    DATABASE_URL: 'postgres://me:hunter2@db/x',
    REMOTE: 'https://abc@host/x',
    THING: 'ghp_0123456789abcdefghij',
  },
  OPAQUE: '9f8e7d6c5b4a39281706f5e4',
};
const provider = { OPENAI_API_KEY: 'never-inherited' };

test('what a session is started with is kept once, for its user alone, without what may be a secret', async (t) => {
  const file = scratchFile(t);
  await keepEnvironment(file, { ...plain, ...secrets, ...shapes, ...provider }, []);
  await keepEnvironment(file, { PATH: '/other' }, []);
  const { variables, unwritten } = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(variables, plain);
  assert.deepEqual(unwritten, [...Object.keys(secrets), ...Object.keys(shapes)]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('the session goes on with it; secrets come from the present environment, and nothing else does', async (t) => {
  const file = scratchFile(t);
  await keepEnvironment(file, { ...plain, ...secrets, ...shapes, ...provider }, []);
  const present = { PATH: '/other', STRANGE: 'x', GITHUB_TOKEN: 'new', OPENAI_API_KEY: 'now' };
  const { variables, missing } = new SessionEnvironments(present, []).read(file);
  assert.deepEqual(variables, { ...plain, GITHUB_TOKEN: 'new', OPENAI_API_KEY: 'now' });
  const lacking = Object.keys(secrets).filter((name) => name !== 'GITHUB_TOKEN');
  assert.deepEqual(missing, lacking);
});

test('where none was kept, or it was written over, the present one serves', (t) => {
  const file = scratchFile(t);
  const present = { PATH: '/present' };
  assert.deepEqual(new SessionEnvironments(present, []).read(file), { variables: present, missing: [] });
  writeFileSync(file, '{"variables":');
  assert.deepEqual(new SessionEnvironments(present, []).read(file), { variables: present, missing: [] });
});

test('what was read stays, whatever an agent writes into the file', async (t) => {
  const file = scratchFile(t);
  const environments = new SessionEnvironments(plain, []);
  assert.deepEqual(environments.read(file).variables, plain);
  await keepEnvironment(file, { ...plain, LANG: 'de' }, []);
  const kept = environments.read(file);
  assert.equal(kept.variables.LANG, 'de');
  assert.equal(environments.read(file), kept);
  for (const content of ['{}', '{"variables":{"PATH":"/of/an/agent"},"unwritten":[]}']) {
    writeFileSync(file, content);
    assert.equal(environments.read(file), kept);
  }
});
