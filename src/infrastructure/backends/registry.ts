import type { Backend, Backends } from '../../application/ports/backend.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';

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
      throw new MaosError('INVALID_INPUT', `Unknown backend ${quote(name)}. Backends: ${names.join(', ')}.`, {
        details: { backend: startOf(name, 200), names },
      });
    },
  };
}
