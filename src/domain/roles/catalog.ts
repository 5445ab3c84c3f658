import type { AgentRole } from '../agent.ts';
import { editDistance } from '../nearest.ts';
import { customRole, type Role } from './role.ts';

/** The roles of every installation, in listing order. `src/roles/<name>.md` describes each. */
export const predefinedRoleNames = [
  'orchestrator',
  'solution_architect',
  'application_architect',
  'data_architect',
  'api_architect',
  'security_architect',
  'backend_engineer',
  'frontend_engineer',
  'mobile_engineer',
  'researcher',
  'qa',
  'pm',
  'devops',
  'security',
  'data_scientist',
  'ux_designer',
  'documenter',
  'reviewer',
  'analyst',
  'tester',
  'merger',
] as const;

/** Other accepted names of predefined roles. */
export const roleAliases: Readonly<Record<string, string>> = {
  architect: 'solution_architect',
  engineer: 'backend_engineer',
};

// The predefined role for each name and alias.
const meanings = new Map<string, string>([
  ...predefinedRoleNames.map((name) => [name, name] as const),
  ...Object.entries(roleAliases),
]);

// In how many role names each word occurs: 'devops' is more specific than 'engineer'.
const wordCounts = new Map<string, number>();
for (const word of predefinedRoleNames.flatMap((name) => name.split('_'))) {
  wordCounts.set(word, (wordCounts.get(word) ?? 0) + 1);
}

/** Whether the exact name or alias belongs to a predefined role. */
export function isPredefinedName(name: string): boolean {
  return meanings.has(name);
}

/** The predefined role with this exact name or alias. */
export function findPredefinedRole(name: string, predefined: readonly Role[]): Role | undefined {
  const meant = meanings.get(name);
  return predefined.find((role) => role.name === meant);
}

/** The role of an agent as stored in its session. */
export function roleOf({ name, custom }: AgentRole, predefined: readonly Role[]): Role {
  if (custom === null) return findPredefinedRole(name, predefined) ?? customRole({ name, description: name });
  const { description, responsibilities, file } = custom;
  return customRole({ name, description, responsibilities, prompt: file?.prompt });
}

/**
 * Names of roles that the user may have meant, most likely first. Typing errors come before names that only share a
 * word; empty if none is near.
 * @param custom names of further roles besides the predefined ones
 */
export function nearestRoleNames(name: string, max = 3, custom: readonly string[] = []): string[] {
  const wanted = name
    .slice(0, 64)
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
  if (wanted === '') return [];

  const misspelt: { name: string; rank: number }[] = [];
  const related: { name: string; rank: number }[] = [];
  const all = new Map(meanings);
  for (const own of custom) all.set(own, own);
  for (const [known, meant] of all) {
    const distance = editDistance(wanted, known);
    const shared = sharedWordWeight(wanted, known);
    if (distance <= tolerance(wanted, known)) misspelt.push({ name: meant, rank: distance });
    else if (shared > 0) related.push({ name: meant, rank: -shared });
  }
  const byRank = (a: { rank: number }, b: { rank: number }) => a.rank - b.rank;
  const names = [...misspelt.sort(byRank), ...related.sort(byRank)].map((candidate) => candidate.name);
  return [...new Set(names)].slice(0, max);
}

function tolerance(wanted: string, known: string): number {
  return Math.floor(Math.min(wanted.length, known.length) / 4) + (known.length > 3 ? 1 : 0);
}

/** How much of `known` the words of `wanted`, or stems such as 'dev', cover; rare words count more. */
function sharedWordWeight(wanted: string, known: string): number {
  const starts = wanted.split('_').filter((word) => word.length > 1);
  const words = known.split('_');
  const shared = words.filter((word) => starts.some((start) => word === start || isStem(start, word)));
  return shared.reduce((weight, word) => weight + 1 / (wordCounts.get(word) ?? 1), 0) / words.length;
}

function isStem(start: string, word: string): boolean {
  return start.length > 2 && word.startsWith(start);
}
