import { readFileSync } from 'node:fs';
import { redactText } from '../../logging/redact.ts';
import { isSecretName } from '../../logging/secret-names.ts';
import { inheritedEnvironment } from '../../process/launch/environment.ts';
import { writeFileAtomic } from '../disk/atomic.ts';
import { isMissing } from '../disk/file-error.ts';

type Environment = Readonly<Record<string, string>>;

/** What a session's agents inherit, as far as it is known now. */
export interface SessionEnvironment {
  readonly variables: Environment;
  /** Names of secrets that were set when the session started and are not set now. */
  readonly missing: readonly string[];
}

interface Kept {
  readonly variables: Environment;
  /** Names only: possible secrets are never written to a file. */
  readonly unwritten: readonly string[];
}

/** Further names that hold secrets, beside those that the log redacts. */
const secretNames = /(?:^|_)(?:PASS|\w+PASS|\w*[A-Z]PWD|MYSQL_PWD|AUTH|PAT|DSN|CREDS?|JWT|SIGNATURE)$/i;
/** Set by every terminal or editor window. */
const windowNames = /^(?:KITTY_|VSCODE_|ITERM_|XDG_|DBUS_|SSH_|GPG_|COLOR|TERM)/;
/** A single word that no person would write, such as a key. */
const opaque = /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9_+=-]{20,}$/;

/**
 * Stores the environment that a session starts with, unless it is stored already. Of possible secrets, by name or by
 * form, it stores only the names.
 * @param present the environment of this process
 * @param passed as for `inheritedEnvironment`
 */
export async function keepEnvironment(
  file: string,
  present: Environment,
  passed: readonly string[],
): Promise<void> {
  if (readKept(file) !== null) return;
  const variables: Record<string, string> = {};
  const unwritten: string[] = [];
  for (const [name, value] of Object.entries(inheritedEnvironment(present, passed))) {
    if (isSecret(name, value)) unwritten.push(name);
    else variables[name] = value;
  }
  await writeFileAtomic(file, `${JSON.stringify({ variables, unwritten }, null, 2)}\n`);
}

const mostKnown = 64;

/**
 * What was read once stays as it was: every start of an agent needs it, nobody changes it after the session's start, and
 * an agent could write a PATH with programs of its own, which its check would run.
 */
export class SessionEnvironments {
  readonly #known = new Map<string, SessionEnvironment>();
  readonly #present: Environment;
  readonly #passed: readonly string[];

  /** As for {@link keepEnvironment}. */
  constructor(present: Environment, passed: readonly string[]) {
    this.#present = present;
    this.#passed = passed;
  }

  /** The stored environment, with the secrets of the present one. Without a stored one, the present environment. */
  read(file: string): SessionEnvironment {
    const known = this.#known.get(file);
    if (known !== undefined) return known;
    const kept = readKept(file);
    if (kept === null) return { variables: this.#present, missing: [] };
    const environment = environmentOf(kept, this.#present, this.#passed);
    this.#known.set(file, environment);
    // Evicts the oldest: a Map keeps insertion order.
    for (const first of this.#known.keys()) if (this.#known.size > mostKnown) this.#known.delete(first);
    return environment;
  }
}

function environmentOf(kept: Kept, present: Environment, passed: readonly string[]): SessionEnvironment {
  const inherited = inheritedEnvironment(present, passed);
  // Providers' keys and addresses are not inherited: each backend takes its own from the present environment.
  const others = Object.entries(present).filter(([name]) => !Object.hasOwn(inherited, name));
  const secrets = kept.unwritten.flatMap((name) => {
    const value = present[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    variables: { ...Object.fromEntries(others), ...kept.variables, ...Object.fromEntries(secrets) },
    missing: kept.unwritten.filter((name) => isNeeded(name) && present[name] === undefined),
  };
}

function isSecret(name: string, value: string): boolean {
  if (name === 'PWD' || name === 'OLDPWD') return false;
  return (
    hasSecretName(name) || opaque.test(value) || redactText(value) !== value || /:\/\/[^/\s]*@/.test(value)
  );
}

function hasSecretName(name: string): boolean {
  return isSecretName(name) || secretNames.test(name);
}

function isNeeded(name: string): boolean {
  return hasSecretName(name) && !windowNames.test(name);
}

function readKept(file: string): Kept | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    const { variables, unwritten } = JSON.parse(text) as Partial<Kept>;
    if (typeof variables !== 'object' || variables === null || !Array.isArray(unwritten)) return null;
    const texts = Object.entries(variables).filter(([, value]) => typeof value === 'string');
    return { variables: Object.fromEntries(texts), unwritten: unwritten.map(String) };
  } catch {
    // An agent may have overwritten the file; the session continues without it.
    return null;
  }
}
