import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, it } from 'node:test';
import { noSetup } from '../../../src/domain/worktree.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';
import { filesIn, HistoryRepository } from './history-repository.ts';

const made: HistoryRepository[] = [];
after(() => {
  for (const repository of made) repository.remove();
});

const text = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00Z' };
const keptRef = 'refs/maos/sess_00000000000000000000000001/coder/1';

/**
 * A git that first puts files into folders, as another agent may at any moment: in turn a repository with programs, a
 * `.git` file that leads there, and none.
 * @returns the folder to put in front of the PATH
 */
function addPlanter(plain: HistoryRepository, folders: readonly string[], ran: string): string {
  const evil = join(plain.root, 'evil');
  plain.gitIn(plain.root, 'init', '-q', evil);
  const program = `touch '${ran}'`;
  for (const [name, value] of [
    ...[
      ['core.fsmonitor', program],
      ['core.hooksPath', join(evil, 'hooks')],
      ['core.worktree', evil],
    ],
    ...[
      ['filter.evil.clean', program],
      ['filter.evil.smudge', program],
      ['merge.evil.driver', program],
    ],
  ] as const) {
    plain.gitIn(plain.root, 'config', '--file', join(evil, '.git/config'), name, value);
  }
  for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
    plain.write(`hooks/${hook}`, `#!/bin/sh\n${program}\n`, evil);
    chmodSync(join(evil, 'hooks', hook), 0o755);
  }
  const bin = join(plain.root, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh
PATH=$REAL_PATH
echo >>'${plain.root}/calls'
turn=$(( $(wc -l <'${plain.root}/calls') % 3 ))
while read -r top; do
  mkdir -p "$top"
  rm -rf "$top/.git"
  case $turn in
  0) cp -r '${evil}/.git' "$top/.git" ;;
  1) echo 'gitdir: ${evil}/.git' >"$top/.git" ;;
  esac
  echo '* filter=evil merge=evil -text' >"$top/.gitattributes"
  echo '*' >"$top/.gitignore"
  cp '${evil}/.git/config' "$top/.gitconfig"
done <'${plain.root}/folders'
exec git "$@"
`;
  writeFileSync(join(plain.root, 'folders'), folders.map((folder) => `${folder}\n`).join(''));
  writeFileSync(join(bin, 'git'), script, { mode: 0o755 });
  return bin;
}

it('what agents put above worktrees and checkouts at any moment leads no git of MAOS astray', async () => {
  const plain = new HistoryRepository({ 'a.txt': 'one\n', 'check.sh': 'exit 1\n', '.env': 'x\n' });
  made.push(plain);
  const { layout, environment, base } = plain;
  const place = plain.place();
  const { sessionId, agentId } = place;
  const agent = layout.agent(sessionId, agentId);
  const checks = layout.checks(sessionId, agentId);
  const above = [agent, dirname(agent), layout.session(sessionId), checks, join(checks, '1'), layout.project];
  const ran = join(plain.root, 'ran');
  const bin = addPlanter(plain, [...above, join(layout.project, 'git'), plain.root], ran);
  const { PATH = '' } = environment;
  const planted = { ...environment, REAL_PATH: PATH, PATH: `${bin}:${PATH}` };
  const workspaces = makeWorkspaces({ layout, environment: planted });

  const begun = await workspaces.begin(plain.folder);
  assert.deepEqual([begun.commit, begun.branch], [base, 'main']);
  const { folder } = await workspaces.open(place, base, { ...noSetup, copy: ['.env'] });
  assert.deepEqual(filesIn(folder), filesIn(plain.folder));
  plain.writeAll({ 'a.txt': 'two\n', 'new.txt': 'new\n', 'check.sh': 'exit 0\n' }, folder);
  const kept = await workspaces.snapshot(place, base, keptRef, text);
  assert.deepEqual([kept?.unkept, kept?.diff?.files], [[], 3]);
  const { commit, restored } = await workspaces.protect(place, kept?.commit ?? '', base, ['check.sh'], text);
  assert.deepEqual(restored, ['check.sh']);
  const other = plain.commitOn(base, 'other', { 'b.txt': 'b\n' });
  const joined = await workspaces.join(plain.folder, [other, commit], () => text);
  assert.ok(joined.how === 'clean');
  const checkout = await workspaces.checkOut(place, joined.commit, 1, null);
  const expected = {
    ...filesIn(plain.folder),
    'a.txt': 'false two\n',
    'b.txt': 'false b\n',
    'new.txt': 'false new\n',
  };
  assert.deepEqual(filesIn(checkout.folder), expected);
  assert.equal(plain.gitIn(checkout.folder, 'rev-parse', 'HEAD'), joined.commit);
  assert.deepEqual(await workspaces.moveBranch(plain.folder, 'main', base, joined.commit), { how: 'moved' });
  assert.deepEqual(filesIn(plain.folder), expected);
  const mine = join(plain.root, 'mine');
  plain.write('tree/file', 'mine', mine);
  symlinkSync(mine, join(checks, '2'));
  await workspaces.discardCheckouts(place);
  assert.deepEqual([existsSync(checkout.folder), Object.keys(filesIn(mine))], [false, ['tree/file']]);
  assert.equal(await workspaces.remove(place, base, keptRef, text), null);
  assert.equal(plain.git('show', `${keptRef}:check.sh`), 'exit 1');
  assert.equal(plain.git('status', '--porcelain'), '');
  assert.equal(existsSync(ran), false);
  assert.ok(readFileSync(join(plain.root, 'calls'), 'utf8').length > 40);
});
