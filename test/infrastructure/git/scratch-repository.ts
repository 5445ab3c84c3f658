import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { WorktreePlace } from '../../../src/application/ports/workspaces.ts';
import { parseAgentId, parseSessionId } from '../../../src/domain/ids.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';

/** A repository of the test's, with one commit and without the configuration of the machine's user. */
export class ScratchRepository {
  readonly root: string;
  readonly folder: string;
  readonly layout;
  readonly environment: Record<string, string>;
  readonly workspaces;
  readonly #agentIds = new Map<string, string>();

  /** @param name of its folder */
  constructor(name = 'repository', files: Readonly<Record<string, string>> = { 'a.txt': 'one\n' }) {
    this.root = mkdtempSync(join(tmpdir(), 'maos-git-'));
    this.folder = join(this.root, name);
    this.environment = {
      PATH: process.env.PATH ?? '',
      HOME: this.root,
      GIT_CONFIG_GLOBAL: join(this.root, 'global-config'),
      GIT_CONFIG_NOSYSTEM: '1',
    };
    writeFileSync(
      join(this.root, 'global-config'),
      '[user]\n\tname = Ann\n\temail = ann@example.org\n[init]\n\tdefaultBranch = main\n',
    );
    mkdirSync(this.folder);
    this.git('init', '-q');
    for (const [path, content] of Object.entries(files)) this.write(path, content);
    if (Object.keys(files).length > 0) this.commitAll('First');
    this.layout = sessionLayout(join(this.root, 'maos'));
    this.workspaces = makeWorkspaces({ layout: this.layout, environment: this.environment });
  }

  /** The place of an agent's worktree. Its agent's folder exists, as for every agent that is started. */
  place(name = 'coder', repository = this.folder): WorktreePlace {
    const sessionId = parseSessionId('sess_00000000000000000000000001');
    const id = this.#agentIds.get(name) ?? `agent_coder_${this.#agentIds.size + 1}_abcdef`;
    this.#agentIds.set(name, id);
    const agentId = parseAgentId(id);
    mkdirSync(this.layout.agent(sessionId, agentId), { recursive: true });
    return { repository, sessionId, agentId, branch: `maos/${sessionId}/${name}` };
  }

  git(...args: string[]): string {
    return this.gitIn(this.folder, ...args);
  }

  /** Runs git as the user or an agent would. @returns what it prints, without the last newline */
  gitIn(folder: string, ...args: string[]): string {
    const options = { cwd: folder, env: this.environment, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync('git', args, { ...options, maxBuffer: 2 ** 28 }).replace(/\n$/, '');
  }

  write(path: string, content: string, folder = this.folder): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }

  commitAll(message: string, folder = this.folder): string {
    this.gitIn(folder, 'add', '-A');
    this.gitIn(folder, 'commit', '-q', '--allow-empty', '-m', message);
    return this.gitIn(folder, 'rev-parse', 'HEAD');
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
