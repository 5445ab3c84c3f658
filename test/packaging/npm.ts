import { execFileSync } from 'node:child_process';

/** Runs npm and returns its stdout. */
export function npm(args: string[], cwd: string): string {
  return execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(),
  });
}

/** The settings `npm run` exports describe this package; an npm inside another folder must not inherit them. */
function environment(): NodeJS.ProcessEnv {
  const kept = ['npm_config_registry', 'npm_config_cache', 'npm_config_userconfig'];
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.includes(name.toLowerCase())),
  );
}
