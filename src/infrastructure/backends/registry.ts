import type { Backend, Backends } from '../../application/ports/backend.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';

export function makeBackends(backends: readonly Backend[]): Backends {
  const byName = new Map(backends.map((backend) => [backend.name, backend]));
  const names = [...byName.keys()];
  const ofCommands = backends.find(({ capabilities }) => capabilities.takesCommand);
  if (ofCommands === undefined) throw new Error('No backend runs commands.');
  return {
    names,
    ofCommands,
    capabilitiesOf: (name) => byName.get(name)?.capabilities ?? null,
    get(name) {
      const backend = byName.get(name);
      if (backend !== undefined) return backend;
      const meant = nearest(name, names);
      const hint = meant === null ? '' : ` Did you mean ${quote(meant)}?`;
      const message = `Unknown backend ${quote(name)}.${hint} Backends: ${names.join(', ')}.`;
      throw new MaosError('INVALID_INPUT', message, { details: { backend: startOf(name, 200), names } });
    },
  };
}
