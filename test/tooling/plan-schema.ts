// Writes docs/plan.schema.json, with which editors complete and check plan files, from the schema that validates plans.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { planInput } from '../../src/presentation/contracts/plan-input.ts';

export const schemaFile = join(import.meta.dirname, '../../docs/plan.schema.json');

/** The required content of the file. */
export function renderSchema(): string {
  const { $schema, properties, ...plan } = z.toJSONSchema(planInput, { io: 'input', target: 'draft-7' });
  const named = { type: 'string', description: 'Where this schema is; for editors' };
  const schema = { $schema, title: 'Plan of MAOS', ...plan, properties: { $schema: named, ...properties } };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(schemaFile, renderSchema());
