import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installClient } from '../helpers/client-installation.ts';

/** A release of the official conformance tool, with its options. */
export interface Suite {
  readonly version: string;
  readonly options: readonly string[];
}

/** The result of a scenario. */
export interface ScenarioReport {
  readonly name: string;
  readonly passed: number;
  /** Failures and warnings; empty: none. */
  readonly failures: readonly string[];
}

export interface SuiteReport {
  readonly scenarios: readonly ScenarioReport[];
  /** Number of scenarios that the tool announced. */
  readonly announced: number;
  /** The tool's exit status and its error output. */
  readonly status: number | null;
  readonly stderr: string;
}

interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
  readonly description: string;
  readonly errorMessage?: string;
}

/** With a server that never answers, every scenario waits for its own time limit. */
const mostSuiteMs = 600_000;

/** @returns the tool's script */
export function installSuite({ version }: Suite): Promise<string> {
  return installClient({
    package: '@modelcontextprotocol/conformance',
    version,
    executable: 'conformance',
    folder: 'conformance',
    env: (home) => ({ HOME: home, PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }),
  });
}

/**
 * Runs a suite against a server.
 * @param folder an empty folder for its results
 * @param baseline a file in the tool's own format with the scenarios that are expected to fail; none: all must pass
 */
export async function runSuite(
  script: string,
  { options }: Suite,
  url: string,
  folder: string,
  baseline: string | null,
): Promise<SuiteReport> {
  const expected = baseline === null ? [] : ['--expected-failures', baseline];
  const args = [script, 'server', '--url', url, ...options, ...expected, '--output-dir', folder];
  const { status, stdout, stderr } = await runNode(args);
  const names = [...stdout.matchAll(/^=== Running scenario: (\S+) ===$/gm)].map(([, name]) => name as string);
  const files = await readdir(folder, { recursive: true });
  const scenarios = names.map(async (name): Promise<ScenarioReport> => {
    // The tool adds the time to the scenario's name.
    const results = new RegExp(`^server-${name}-\\d{4}-\\d\\d-\\d\\dT[^/]*/checks\\.json$`);
    const own = files.find((file) => results.test(file));
    if (own === undefined) return { name, passed: 0, failures: ['the scenario broke off'] };
    const checks: readonly Check[] = JSON.parse(await readFile(join(folder, own), 'utf8'));
    const failed = checks.filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
    return {
      name,
      passed: checks.filter((check) => check.status === 'SUCCESS').length,
      failures: failed.map(
        ({ id, status, errorMessage, description }) => `${status} ${id}: ${errorMessage ?? description}`,
      ),
    };
  });
  const announced = Number(/^Running .* \((\d+) scenarios\)/m.exec(stdout)?.[1] ?? Number.NaN);
  return { scenarios: await Promise.all(scenarios), announced, status, stderr };
}

function runNode(
  args: readonly string[],
): Promise<Pick<SuiteReport, 'status' | 'stderr'> & { stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { maxBuffer: 2 ** 28, timeout: mostSuiteMs },
      (_, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      },
    );
  });
}
