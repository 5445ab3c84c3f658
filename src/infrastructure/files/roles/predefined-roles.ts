import type { Role } from '../../../domain/roles/role.ts';
import { type FrontMatter, parseFrontMatter } from './front-matter.ts';
import { predefinedTexts } from './predefined-texts.ts';

let parsed: readonly Role[] | null = null;

/** The roles of every installation, in listing order. Parsed at the first call. */
export function predefinedRoles(): readonly Role[] {
  parsed ??= predefinedTexts.map(roleOfDocument);
  return parsed;
}

function roleOfDocument(source: string): Role {
  const { fields, body } = parseFrontMatter(source) as FrontMatter;
  const value = (key: string) => fields.get(key)?.value;
  return {
    name: String(value('name')),
    title: String(value('title')),
    description: String(value('description')),
    responsibilities: value('responsibilities') as readonly string[],
    capabilities: value('capabilities') as readonly string[],
    defaultTimeoutMinutes: Number(value('timeout_minutes')),
    defaultMaxMemoryMb: Number(value('max_memory_mb')),
    instructions: body.trim(),
    predefined: true,
  };
}
