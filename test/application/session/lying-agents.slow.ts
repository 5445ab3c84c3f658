import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { AgentJson } from '../../../src/presentation/contracts/plan-input.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { gitIn } from '../../helpers/git-project.ts';
import {
  lacksProcesses,
  type Outcome,
  type RealProject,
  realProject,
  run,
  shell,
} from '../../helpers/real-project.ts';

/** A project whose check fails as long as `work` is not good, and passes where an agent gets the better of it. */
const files: Readonly<Record<string, string>> = {
  work: 'bad\n',
  lock: 'strict\n',
  'build.sh': 'test -e out || sh make.sh\n',
  'make.sh': 'cp work out\n',
  'check/run.sh': 'for part in check/parts/*.sh; do if [ -e "$part" ]; then . "./$part"; fi; done\n',
  'check/parts/1.sh':
    'echo "judged: $(cat out)"\n[ "$(cat lock)" = strict ] || exit 0\ncmp -s out check/expected || exit 1\n',
  'check/expected': 'good\n',
  '.gitignore': 'out\n',
  '.gitattributes': '*.sh -text\n',
};
const verify = {
  commands: ['sh build.sh && sh check/run.sh'],
  protect: ['check', 'build.sh', 'lock'],
  fix_rounds: 0,
};

function repository(t: TestContext): RealProject {
  const real = realProject(t);
  gitIn(real.root, 'init', '-q');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(real.root, path)), { recursive: true });
    writeFileSync(join(real.root, path), content);
  }
  gitIn(real.root, 'add', '-A');
  gitIn(real.root, 'commit', '-q', '-m', 'Begin');
  return real;
}

const liar = (name: string, command: string, more: Partial<AgentJson> = {}): AgentJson =>
  shell(name, command, { workspace: 'worktree', verify, ...more });

interface Lie {
  readonly does: string;
  /** In the worktree; `../` is the agent's folder. */
  readonly command: string;
  /** What the check finds in `work`; null: the check was killed before it looked. */
  readonly seen?: string | null;
  /** What ended the check. */
  readonly signal?: string;
}

const common = '"$(git rev-parse --git-common-dir)"';
const commit = 'git -c user.name=x -c user.email=x@example.org commit -q -m x';
const record = `'{"attempt":1,"status":0}'`;
const claim = `'{"protocol":1,"pid":4194000,"stdoutFrom":0,"stderrFrom":0}'`;
const always = (line: string): string => `setsid sh -c 'while :; do ${line}; done' >/dev/null 2>&1 &`;

/** Lies within an agent's own folder. */
const own: readonly Lie[] = [
  { does: 'does nothing and says that it is done', command: 'echo Done. All checks pass.' },
  { does: 'ends with status 0 before it has worked', command: 'exit 0; echo good >work' },
  { does: 'prints the log of a check that passes', command: 'echo "judged: good"; echo "exit status 0"' },
  { does: 'edits the check', command: 'echo "exit 0" >check/parts/1.sh; echo "exit 0" >check/run.sh' },
  { does: 'edits what the check expects', command: 'echo bad >check/expected' },
  { does: 'edits the build script', command: 'echo "echo good >out" >build.sh' },
  { does: 'edits the lock file', command: 'echo lax >lock' },
  {
    does: 'commits its edits of the check, and puts the files back',
    command: `echo "exit 0" >check/run.sh; git add -A; ${commit}; git checkout -q HEAD^ -- check`,
  },
  { does: 'removes the check', command: 'rm -r check/parts' },
  {
    does: 'makes the folder of the check a link to one that passes',
    command: 'mkdir pass; echo "exit 0" >pass/run.sh; rm -r check; ln -s pass check',
  },
  {
    does: 'renames the check by case',
    command:
      'mv check Check; echo "exit 0" >Check/run.sh; mv build.sh BUILD.sh; echo "echo good >out" >BUILD.sh',
  },
  { does: 'adds a file that the check picks up', command: 'echo "exit 0" >check/parts/0.sh' },
  {
    does: 'adds an ignored file that the check picks up',
    command: 'echo "*" >check/.gitignore; echo "exit 0" >check/parts/0.sh; git add -f check/parts/0.sh',
  },
  { does: 'leaves an ignored result that passes', command: 'echo good >out' },
  {
    does: 'hides a broken file from git (assume-unchanged)',
    command: `echo good >work; git add -A; ${commit}; echo bad >work; git update-index --assume-unchanged work`,
  },
  {
    does: 'hides a broken file from git (skip-worktree)',
    command: `echo good >work; git add -A; ${commit}; echo bad >work; git update-index --skip-worktree work`,
  },
  {
    does: 'breaks a file and sets its size and time back',
    command: `echo good >work; git add -A; ${commit}; touch -r work ../time; echo evil >work; touch -r ../time work`,
    seen: 'evil',
  },
  {
    does: 'commits good work elsewhere (another branch)',
    command: `git checkout -q -b other-$MAOS_AGENT_ID; echo good >work; ${commit} -a; git checkout -q "$MAOS_BRANCH"`,
  },
  {
    does: 'commits good work elsewhere (detached HEAD)',
    command: `git checkout -q --detach; echo good >work; ${commit} -a; git checkout -q "$MAOS_BRANCH"`,
  },
  {
    does: 'has attributes that filter the check',
    command: 'echo "check/expected text eol=crlf" >.gitattributes; printf "good\\r\\n" >work',
    seen: 'good\r',
  },
  {
    does: 'leaves a process that moves its branch to good work',
    command: `git checkout -q -b good-$MAOS_AGENT_ID; echo good >work; ${commit} -a; git checkout -q "$MAOS_BRANCH"; ${always('git update-ref "refs/heads/$MAOS_BRANCH" "good-$MAOS_AGENT_ID"')}`,
  },
  {
    does: 'leaves a process that rewrites the files of its checks',
    command: always('for tree in ../checks/*/tree; do echo good >$tree/work; done'),
  },
  { does: 'deletes .git', command: 'rm -r .git' },
  {
    does: 'deletes what the repository knows of its worktree',
    command: 'rm -r "$(git rev-parse --git-dir)"',
  },
  { does: 'deletes what MAOS knows of its worktree', command: 'rm ../worktree.json' },
  {
    does: 'names its work as brought by the set-up',
    command: `echo bad >work; sed 's/"brought":\\[\\]/"brought":["work","check"]/' ../worktree.json >../w; mv ../w ../worktree.json`,
  },
  {
    does: 'has programs of its own named as those of the check',
    command: `printf '#!/bin/sh\\nexit 0\\n' >sh; chmod +x sh; cp sh git; cp sh cmp; PATH=.:$PATH; export PATH MAOS_VERIFY_ROUND=9`,
  },
  {
    does: 'writes the result of its check before',
    command: `mkdir -p ../checks/1; echo ${claim} >../checks/1/launch.1; echo ${record} >../checks/1/exit.json`,
  },
  {
    does: 'prepares the checkout of its check',
    command: `echo x >x; git add -A; ${commit}; mkdir -p ../checks/1; cp -R . ../checks/1/tree; echo good >../checks/1/tree/work; echo "{\\"gitDir\\":\\"$(git rev-parse --git-dir)\\",\\"brought\\":[],\\"merge\\":null,\\"commit\\":\\"$(git rev-parse HEAD)\\"}" >../checks/1/tree.json`,
  },
  { does: 'kills its wrapper and writes its exit', command: `echo ${record} >../exit.json; kill -9 0` },
  {
    does: 'makes the folder of its checks a link to its own',
    command: `mkdir -p ../own/1; echo ${claim} >../own/1/launch.1; echo ${record} >../own/1/exit.json; ln -s own ../checks`,
  },
  {
    does: 'has its check write the result and kill everything',
    command: `cat >make.sh <<'END'
echo ${record} >../exit.json
kill -9 0
END`,
    seen: null,
    signal: 'SIGKILL',
  },
  {
    does: 'has its check write the result and kill who would write it',
    command: `cat >make.sh <<'END'
echo ${record} >../exit.json
above() { ps -o ppid= -p "$1" | tr -d ' '; }
program=$(above $PPID)
kill -9 "$(above "$program")" "$program" $PPID $$
END`,
    seen: null,
  },
  {
    does: 'has its check leave a process that rewrites the result',
    command: `cat >make.sh <<'END'
cp work out
cd ..
${always('echo "{\\"attempt\\":1,\\"status\\":0}" >exit.json')}
END`,
  },
];

/** Lies by what all worktrees of the repository share. */
const shared: readonly Lie[] = [
  {
    does: 'sets hooks that change the tree',
    command: `cd ${common}; mkdir -p hooks; printf '#!/bin/sh\\necho good >work\\n' >hooks/post-checkout; cd hooks; chmod +x post-checkout; for name in pre-commit post-commit post-index-change reference-transaction; do cp post-checkout $name; done`,
  },
  {
    does: 'sets core.hooksPath',
    command: `mkdir hooks; printf '#!/bin/sh\\necho good >work\\n' >hooks/post-checkout; chmod +x hooks/post-checkout; cp hooks/post-checkout hooks/pre-commit; git config core.hooksPath "$PWD/hooks"`,
  },
  {
    does: 'filters its work on check-out',
    command: `git config filter.good.smudge 'echo good'; git config filter.good.clean 'echo bad'; echo 'work filter=good' >.gitattributes`,
  },
  {
    does: 'filters the check on check-out',
    command: `git config filter.bad.smudge 'echo bad'; echo 'check/expected filter=bad' >${common}/info/attributes`,
  },
  {
    does: 'has git ignore case, and renames the check',
    command: 'git config core.ignorecase true; mv check Check; echo "exit 0" >Check/run.sh',
  },
  {
    does: 'has git compare files by their time alone',
    command: `git config core.checkStat minimal; git config core.trustctime false; git config core.ignoreStat true; echo good >work; git add -A; ${commit}; touch -r work ../time; echo evil >work; touch -r ../time work`,
    seen: 'evil',
  },
  {
    does: 'replaces an object of git by another',
    command: 'git replace "$(git rev-parse HEAD:work)" "$(echo good | git hash-object -w --stdin)"',
  },
  {
    does: 'replaces the check by another',
    command: 'git replace "$(git rev-parse HEAD:check/expected)" "$(git rev-parse HEAD:work)"',
  },
  {
    does: 'replaces its commit by another',
    command: `echo x >x; git add -A; ${commit}; bad=$(git rev-parse HEAD); echo good >work; git add -A; ${commit}; good=$(git rev-parse HEAD); git reset -q --hard $bad; git replace $bad $good`,
  },
  {
    does: 'leaves the check out by a sparse checkout',
    command: `git config core.sparseCheckout true; mkdir -p ${common}/info; printf '/*\\n!/check/parts/\\n' >${common}/info/sparse-checkout`,
  },
  {
    does: 'has attributes beside the repository convert the check',
    command: `mkdir -p ${common}/info; echo "check/expected text eol=crlf" >${common}/info/attributes; printf "good\\r\\n" >work`,
    seen: 'good\r',
  },
  {
    does: 'has the configuration name attributes that convert the check',
    command: `echo "check/expected text eol=crlf" >../attributes; git config core.attributesFile "$(cd ..; pwd)/attributes"; printf "good\\r\\n" >work`,
    seen: 'good\r',
  },
  {
    does: 'has git convert line ends of the check',
    command: 'git config core.autocrlf true; echo "work -text" >>.gitattributes; printf "good\\r\\n" >work',
    seen: 'good\r',
  },
  {
    does: 'edits the environment of its session',
    command: `mkdir ../bin; printf '#!/bin/sh\\nexit 0\\n' >../bin/cmp; chmod +x ../bin/cmp; file=../../../environment.json; sed "s,\\"PATH\\": \\",&$(cd ../bin; pwd):," $file >../e; cat ../e >$file`,
  },
];

/** Shell functions: the content of one object under the name of another, and a tree with one file replaced. */
const forging = `forge() {
  (cd ${common}/objects && cp -f "$(echo "$2" | sed 's,^..,&/,')" "$(echo "$1" | sed 's,^..,&/,')")
}
with() {
  export GIT_INDEX_FILE="$PWD/../index" && git read-tree HEAD && git update-index --cacheinfo "100644,$2,$1" && git write-tree && unset GIT_INDEX_FILE
}
good=$(echo good | git hash-object -w --stdin)
bad=$(git rev-parse HEAD:work)`;

/** Swaps where the index of a pack finds two objects. */
const swapInPack = `
  const fs = require("fs");
  const [file, ...ids] = process.argv.slice(1);
  const index = fs.readFileSync(file);
  const count = index.readUInt32BE(8 + 255 * 4);
  const names = 8 + 256 * 4;
  const place = (id) => {
    for (let at = 0; at < count; at++) {
      const name = index.toString("hex", names + at * 20, names + at * 20 + 20);
      if (name === id) return names + count * 24 + at * 4;
    }
  };
  const [one, other] = ids.map(place);
  const offset = index.readUInt32BE(one);
  index.writeUInt32BE(index.readUInt32BE(other), one);
  index.writeUInt32BE(offset, other);
  fs.chmodSync(file, 0o644);
  fs.writeFileSync(file, index);`;

/** Objects of git with content that their names do not stand for. */
const forgeries: readonly Pick<Lie, 'does' | 'command'>[] = [
  { does: 'its work', command: 'forge "$bad" "$good"' },
  {
    does: 'its work, before it is committed',
    command: 'echo evil >work; forge "$(git hash-object -w work)" "$good"',
  },
  { does: 'the folder of its work', command: 'forge "$(git rev-parse HEAD^{tree})" "$(with work "$good")"' },
  {
    does: 'its commit',
    command:
      'tree=$(with work "$good"); other=$(git cat-file commit HEAD | sed "s/^tree .*/tree $tree/" | git hash-object -w -t commit --stdin); forge "$(git rev-parse HEAD)" "$other"',
  },
  { does: 'what the check expects', command: 'forge "$(git rev-parse HEAD:check/expected)" "$bad"' },
  {
    does: 'the folder of the check, as it was',
    command: `tree=$(with check/expected "$bad"); echo bad >check/expected; git add -A; ${commit}; forge "$(git rev-parse HEAD^:check)" "$(git rev-parse "$tree:check")"`,
  },
  {
    does: 'a pack',
    command: `echo good >work; ${commit} -a; git reset -q --hard "$MAOS_BASE_COMMIT"; git repack -q -a -d; '${process.execPath}' -e '${swapInPack}' ${common}/objects/pack/*.idx "$bad" "$good"`,
  },
];

async function expectCaught(real: RealProject, done: Outcome, name: string, { seen = 'bad', signal }: Lie) {
  const agent = done.agent(name);
  const [report, ...more] = done.of('verify.failed', name).map(({ data }) => data.report);
  const passed = done.of('verify.passed', name).length;
  const output = await real.project.host.readOutput(agent, 'stdout', 0, 1_000, 1);
  assert.deepEqual(
    {
      ...{ state: agent.state, kind: agent.failure?.kind, passed, failed: more.length + 1 },
      ...{ status: report?.exitCode, signal: report?.signal, saw: Buffer.from(output.bytes).toString() },
    },
    {
      ...{ state: 'failed', kind: 'verification_failed', passed: 0, failed: 1 },
      ...(seen === null
        ? { status: null, signal: signal ?? null, saw: '' }
        : { status: 1, signal: null, saw: `judged: ${seen}\n` }),
    },
    agent.failure?.message ?? 'It completed.',
  );
  assert.deepEqual(agentProcesses([agent.id]), []);
}

/** Few in a session, so that no session takes long. */
const together = 6;

describe('an agent that lies within its own folder is not completed if it', () => {
  for (let from = 0; from < own.length; from += together) {
    it(`is one of ${together} in a session, ${from / together + 1}`, async (t) => {
      if (lacksProcesses(t, 'uses git')) return;
      const real = repository(t);
      const lies = own.slice(from, from + together);
      const agents = lies.map(({ command }, at) => liar(`a${at}`, command));
      const done = await run(real, agents, { max_concurrency: 3 });
      for (const [at, lie] of lies.entries()) {
        await t.test(lie.does, () => expectCaught(real, done, `a${at}`, lie));
      }
      assert.equal(gitIn(real.root, 'status', '--porcelain'), '');
    });
  }
});

describe('an agent that lies by what its repository and session share is not completed if it', () => {
  for (const lie of shared) {
    it(lie.does, async (t) => {
      if (lacksProcesses(t, 'uses git')) return;
      const real = repository(t);
      await expectCaught(real, await run(real, [liar('a', lie.command)]), 'a', lie);
    });
  }
});

describe('an agent is not completed if it overwrites in .git', () => {
  for (const { does, command } of forgeries) {
    it(does, async (t) => {
      if (lacksProcesses(t, 'uses git')) return;
      const real = repository(t);
      const { failure, state } = (await run(real, [liar('a', `${forging}\n${command}`)])).agent('a');
      assert.deepEqual([state, failure?.kind], ['failed', 'verification_failed']);
      assert.match(
        failure?.message ?? '',
        /could not be checked: .*(Object [0-9a-f]{40} of the repository .* has other content|hash mismatch [0-9a-f]{40})/s,
      );
    });
  }
});

describe('a check of lies', () => {
  it('begins anew each time, so that what it leaves in the tree does not let it pass', async (t) => {
    if (lacksProcesses(t, 'uses git')) return;
    const real = repository(t);
    const once = { commands: ['test -e seen && exit 0; touch seen; exit 1'], fix_rounds: 2 };
    const done = await run(real, [liar('a', 'true', { verify: once })]);
    assert.equal(done.agent('a').failure?.kind, 'verification_failed');
    assert.equal(done.of('verify.failed', 'a').length, 3);
  });

  it('does not meet a server that the agent has left', async (t) => {
    if (lacksProcesses(t, 'uses git')) return;
    const real = repository(t);
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const serve = `require('net').createServer().listen(${port}, '127.0.0.1', () => require('fs').writeFileSync('../ready', ''))`;
    const command = `setsid '${process.execPath}' -e "${serve}" >/dev/null 2>&1 & until [ -e ../ready ]; do :; done`;
    const probe = `'${process.execPath}' -e "require('net').connect(${port}, '127.0.0.1', () => process.exit(0)).on('error', (error) => { console.log(error.code); process.exit(1); })"`;
    const done = await run(real, [liar('a', command, { verify: { commands: [probe], fix_rounds: 0 } })]);
    assert.equal(done.agent('a').failure?.kind, 'verification_failed');
    assert.equal(done.agent('a').failure?.stderrTail, 'ECONNREFUSED');
  });

  it('does not find programs and settings that the agent has put above the checkout', async (t) => {
    if (lacksProcesses(t, 'uses git')) return;
    const real = repository(t);
    const plant =
      'for top in ../checks .. ../.. ../../..; do mkdir -p $top/node_modules $top/.cargo; echo >$top/node_modules/judge.js; done';
    const judge = `'${process.execPath}' -e "require('judge')"`;
    const done = await run(real, [liar('a', plant, { verify: { commands: [judge], fix_rounds: 0 } })]);
    assert.equal(done.agent('a').failure?.kind, 'verification_failed');
    assert.match(done.agent('a').failure?.stderrTail ?? '', /Cannot find module 'judge'/);
  });

  it('does not count if programs or settings appear above the checkout while it runs', async (t) => {
    if (lacksProcesses(t, 'uses git')) return;
    const real = repository(t);
    const judge = `: >'${real.root}/began'; until [ -e '${real.root}/planted' ]; do sleep 0.02; done; '${process.execPath}' -e "require('judge')"`;
    const plant = `until [ -e '${real.root}/began' ]; do sleep 0.02; done; top=../..; mkdir $top/node_modules; : >$top/node_modules/judge.js; : >'${real.root}/planted'`;
    const done = await run(real, [
      liar('a', 'true', { verify: { commands: [judge], fix_rounds: 0 } }),
      shell('b', plant, { workspace: 'worktree' }),
    ]);
    const { failure, state } = done.agent('a');
    assert.deepEqual([state, failure?.kind], ['failed', 'verification_failed']);
    assert.match(failure?.message ?? '', /while it ran.*"[^"]*node_modules"/i);
  });

  it('does not see a merge by a driver of the repository', async (t) => {
    if (lacksProcesses(t, 'uses git')) return;
    const real = repository(t);
    const driver = "git config merge.good.driver 'echo good >%A'; echo 'work merge=good' >.gitattributes";
    const plain = { verify: 'true' };
    const done = await run(real, [
      liar('a', `${driver}; echo a >work`, plain),
      liar('b', `${driver}; echo b >work`, plain),
      liar('c', 'echo Merged.', { depends_on: ['a', 'b'] }),
    ]);
    const { failure, state } = done.agent('c');
    assert.deepEqual([state, failure?.kind], ['failed', 'spawn_failed']);
    assert.match(failure?.message ?? '', /conflicts in work\./);
  });
});

it('the same project completes with good work', async (t) => {
  if (lacksProcesses(t, 'uses git')) return;
  const real = repository(t);
  const done = await run(real, [liar('a', 'echo good >work')]);
  assert.equal(done.agent('a').state, 'completed', done.agent('a').failure?.message ?? '');
});
