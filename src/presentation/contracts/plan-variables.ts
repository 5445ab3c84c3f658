import { quote } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';
import type { InputProblem } from './parse-input.ts';
import { variableName } from './plan-input.ts';

/** A plan with its variables replaced by their values. */
interface Substituted {
  readonly value: unknown;
  readonly problems: readonly InputProblem[];
  /** What looks like a mistake and is none for certain. */
  readonly remarks: readonly string[];
}

/** Bounds what a long value in many places makes of a plan. */
const maxAdded = 32 * 1024 * 1024;

const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Replaces `${name}` in every text of a plan, if the plan declares the name in `variables`: other names may belong to
 * the shell. Texts stay texts, so that no value can change the structure of a plan, and values are not searched again.
 * In a plan with variables, `$${` stands for `${`.
 * @param set values from `--set`, which win over defaults
 */
export function substitute(plan: unknown, set: ReadonlyMap<string, string>): Substituted {
  const declared = declaredIn(plan);
  const problems: InputProblem[] = [...unknownProblems(set, declared)];
  const remarks = new Map<string, string>();
  const used = new Set<string>();
  let added = 0;

  const resolved = (name: string, path: InputProblem['path']): string | null => {
    const isFirst = !used.has(name);
    used.add(name);
    const value = set.get(name) ?? declared.get(name) ?? null;
    if (value === null && isFirst) {
      const text = `the variable ${quote(name)} has no value: add --set ${name}=VALUE, or give it a default in "variables"`;
      problems.push({ path, text });
    }
    return value;
  };
  const inText = (text: string, path: InputProblem['path']): string =>
    text.replaceAll(reference, (written, name: string | undefined) => {
      if (name === undefined) return '${';
      if (!declared.has(name)) {
        const meant = nearest(name, declared.keys());
        if (meant !== null) remarks.set(name, meant);
        return written;
      }
      const value = resolved(name, path);
      if (value === null || added > maxAdded) return written;
      added += value.length;
      return value;
    });
  const within = (value: unknown, path: InputProblem['path']): unknown => {
    if (typeof value === 'string') return inText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => within(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [
      key,
      path.length === 0 && (key === 'variables' || key === '$schema') ? item : within(item, [...path, key]),
    ]);
    return Object.fromEntries(entries);
  };

  const value = declared.size === 0 ? plan : within(plan, []);
  if (added > maxAdded) {
    problems.push({
      path: ['variables'],
      text: 'the values of the variables make the plan larger than 32 MiB',
    });
  }
  for (const name of set.keys()) {
    if (!declared.has(name) || used.has(name)) continue;
    const text = `--set ${name}: no text of the plan uses \${${name}}`;
    problems.push({ path: ['variables', name], text });
  }
  const noted = [...remarks].map(
    ([name, meant]) =>
      `\${${name}} is left as it is, because "variables" has no such name. Did you mean ${quote(meant)}?`,
  );
  return { value, problems, remarks: noted };
}

function* unknownProblems(
  set: ReadonlyMap<string, string>,
  declared: ReadonlyMap<string, string | null>,
): Generator<InputProblem> {
  for (const name of set.keys()) {
    if (declared.has(name)) continue;
    const meant = nearest(name, declared.keys());
    const names = [...declared.keys()].slice(0, 20).join(', ');
    const hint =
      meant !== null
        ? `Did you mean ${quote(meant)}?`
        : declared.size === 0
          ? 'It declares none.'
          : `It declares: ${names}.`;
    yield {
      path: ['variables'],
      text: `--set ${quote(name)}: the plan does not declare this variable in "variables". ${hint}`,
    };
  }
}

/** The valid ones: the schema reports the others. Null: no default. */
function declaredIn(plan: unknown): ReadonlyMap<string, string | null> {
  const declared = new Map<string, string | null>();
  if (typeof plan !== 'object' || plan === null || !('variables' in plan)) return declared;
  const { variables } = plan;
  if (typeof variables !== 'object' || variables === null) return declared;
  for (const [name, value] of Object.entries(variables)) {
    if (!variableName.test(name)) continue;
    const isText = ['string', 'number', 'boolean'].includes(typeof value);
    if (isText || value === null) declared.set(name, value === null ? null : String(value));
  }
  return declared;
}
