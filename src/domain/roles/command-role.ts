import { customRole } from './role.ts';

/** The role of a program that is an agent only to MAOS: it has no task to read, and no limits but those given. */
export const commandRole = customRole({ name: 'command', description: 'Runs one program' });
