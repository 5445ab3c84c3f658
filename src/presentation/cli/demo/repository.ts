import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The programs of the team that works in worktrees, committed into its repository. They use only sh. */
const files: Readonly<Record<string, string>> = {
  'words.txt': 'one two three\n',
  'team/count.sh': `# Writes count.sh, wrong at first. MAOS's check finds that, and its output comes back in the next prompt.
if grep -q 'expected 3' ; then
  echo 'wc -w <words.txt' >count.sh
  echo 'Fixed: it counts words now.'
else
  echo 'wc -c <words.txt' >count.sh
  echo 'Wrote count.sh. It surely works.'
fi
`,
  'team/check-count.sh': `# Run by MAOS in a clean checkout of the agent's commit.
counted=$(sh count.sh | tr -d ' ')
echo "count.sh counted $counted, expected 3"
[ "$counted" = 3 ]
`,
  'team/upper.sh': `# Writes upper.sh.
echo "tr '[:lower:]' '[:upper:]' <words.txt" >upper.sh
echo 'Wrote upper.sh.'
`,
  'team/readme.sh': `# Writes README.md.
printf '# Words\\n\\nsh count.sh, sh upper.sh\\n' >README.md
echo 'Wrote README.md.'
`,
};

/**
 * Makes a new folder a repository of its own, without the user's settings.
 * @throws the system's error if there is no git
 */
export async function scratchRepository(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  await mkdir(folder);
  const git = async (...args: readonly string[]): Promise<void> => {
    const identity = ['-c', 'user.name=MAOS demo', '-c', 'user.email=demo@maos.invalid'];
    await promisify(execFile)('git', [...identity, ...args], {
      cwd: folder,
      env: { PATH: env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    });
  };
  await git('init', '--quiet', '--template=');
  await git('symbolic-ref', 'HEAD', 'refs/heads/main');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'Begin');
}
