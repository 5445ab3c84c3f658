// Writes docs/plan.schema.json, with which editors complete and check plan files, from the schema that validates plans.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { planFileInput } from '../../src/presentation/contracts/plan-input.ts';

export const schemaFile = join(import.meta.dirname, '../../docs/plan.schema.json');

/** The required content of the file. */
export function renderSchema(): string {
  const { $schema, ...plan } = z.toJSONSchema(planFileInput, { io: 'input', target: 'draft-7' });
  const schema = { $schema, title: 'Plan of MAOS', ...plan };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(schemaFile, renderSchema());
