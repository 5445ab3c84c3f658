import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProgramLookup } from '../../../application/ports/agent-host.ts';
import type { BackendProbe } from '../../../application/ports/backend.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { inheritedEnvironment } from '../../process/launch/environment.ts';
import { resolveProgram } from '../../process/launch/program.ts';

/** The environment of a maos process, without variables that agents must not inherit. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The facts in which agent CLIs differ. */
interface CliFacts {
  /** Name of the backend: 'claude'. */
  readonly name: string;
  /** For people: 'Claude Code'. */
  readonly title: string;
  /** Name on PATH, used if `path` is null. */
  readonly executable: string;
  /** Its npm package. */
  readonly packageName: string;
  /** The environment variable that sets its path. */
  readonly variable: string;
  /** The version that the tests run and whose output was recorded. */
  readonly testedVersion: string;
  /** The setting `backends.<name>.path`. */
  readonly path: string | null;
  readonly env: Environment;
  /** Whether the user is signed in, as far as it can be determined without starting the CLI. */
  signIn(): BackendProbe['signedIn'];
  /** How to sign in, as a full sentence. */
  readonly signInAdvice: string;
}

/** An agent CLI: its location, and the facts for doctor. */
interface CliProgram {
  /** @throws MaosError BACKEND_UNAVAILABLE with the searched location and how to install it */
  locate(findProgram: ProgramLookup): Promise<string>;
  /** Asks for its version; starts no session. */
  probe(): Promise<BackendProbe>;
}

/** A CLI on Node takes a second, on a busy machine several. */
const versionTimeoutMs = 15_000;
const versionPattern = /\d+\.\d+[\w.+-]*\w/;

/** @throws MaosError BACKEND_UNAVAILABLE with what is missing, where, and what to do */
export async function locateProgram(
  findProgram: ProgramLookup,
  about: {
    readonly name: string;
    readonly title: string;
    readonly program: string;
    readonly path?: string | null;
    readonly where: string;
    readonly advice: string;
  },
): Promise<string> {
  const { name, title, program, path = program, where, advice } = about;
  try {
    return await findProgram(program);
  } catch (cause) {
    const reason = cause instanceof MaosError ? cause.details.reason : undefined;
    const what = reason === undefined || reason === 'not_found' ? 'is not' : 'cannot be executed';
    throw new MaosError('BACKEND_UNAVAILABLE', `${title} ${what} ${where}. ${advice}`, {
      cause,
      details: { backend: name, path },
    });
  }
}

export function describeCli(facts: CliFacts): CliProgram {
  const { name, title, path: configured, env, testedVersion } = facts;

  const locate = (findProgram: ProgramLookup): Promise<string> =>
    locateProgram(findProgram, {
      ...{ name, title, program: configured ?? facts.executable, path: configured },
      where: configured === null ? 'on PATH' : `at ${quote(configured)} (backends.${name}.path)`,
      advice: `Install it (npm install -g ${facts.packageName}), set ${facts.variable}, or use another backend.`,
    });

  function isMissing({ cause }: { cause?: unknown }): boolean {
    return configured === null && cause instanceof MaosError && cause.details.reason === 'not_found';
  }

  async function versionOf(path: string): Promise<string | null> {
    const options = { env: inheritedEnvironment(env), timeout: versionTimeoutMs };
    const { stdout } = await promisify(execFile)(path, ['--version'], options);
    return versionPattern.exec(stdout)?.[0] ?? null;
  }

  async function probe(): Promise<BackendProbe> {
    const known = { name, title, packageName: facts.packageName, testedVersion };
    const found = { ...known, path: null, version: null, signedIn: 'unknown', remark: null } as const;
    try {
      const path = await locate(async (program) => resolveProgram(program, process.cwd(), env.PATH));
      const version = await versionOf(path);
      const signedIn = facts.signIn();
      const remark = version === testedVersion ? null : `MAOS was tested with version ${testedVersion}`;
      const problem = signedIn === 'no' ? `Not signed in. ${facts.signInAdvice}` : null;
      return { ...known, available: true, path, version, signedIn, remark, problem };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return {
        ...found,
        available: false,
        ...(error instanceof Error && isMissing(error) ? { missing: true } : {}),
        problem,
      };
    }
  }

  return { locate, probe };
}
