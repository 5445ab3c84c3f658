import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import type { BridgeOptions } from './bridge-options.ts';
import type { Connection } from './connection.ts';
import { Refusal } from './endings.ts';

/** Maximum number of offered values named in a message. */
const maxNamed = 20;

/** A setting of the conversation that the client can choose. */
interface Choice {
  readonly offered: readonly { readonly value: string; readonly name: string }[];
  readonly current: string;
  readonly method: string;
  params(value: string): object;
}

/**
 * Sets the mode or the model of a conversation.
 * @param about.session the response that opened the conversation
 * @param about.wanted its id or displayed name; null for the program's default
 * @throws Refusal when the program does not offer it
 */
export async function chooseSetting(
  connection: Connection,
  about: {
    readonly options: BridgeOptions;
    readonly session: Json;
    readonly sessionId: string;
    readonly what: 'mode' | 'model';
    readonly wanted: string | null;
  },
): Promise<void> {
  const { options, what, wanted } = about;
  if (wanted === null) return;
  const kind = what === 'model' ? 'model_unavailable' : null;
  const choice = choiceOf(about.session, what);
  if (choice === null) {
    throw new Refusal(
      kind,
      `${options.name} does not let its client choose the ${what}, so it cannot be "${wanted}". Choose it with the program's own settings or arguments.`,
    );
  }
  const { offered, current, method } = choice;
  const found = offered.find(({ value, name }) => value === wanted || name === wanted);
  if (found === undefined) {
    const names = offered.slice(0, maxNamed).map(({ value }) => value);
    const more = offered.length > maxNamed ? ` and ${offered.length - maxNamed} more` : '';
    throw new Refusal(
      kind,
      `${options.name} offers no ${what} "${wanted}". It offers ${names.join(', ') || 'none'}${more}.`,
    );
  }
  if (found.value === current) return;
  await connection.request(method, { sessionId: about.sessionId, ...choice.params(found.value) });
}

/** Null if it cannot be chosen. Current programs offer it in `configOptions`, older ones in separate lists. */
function choiceOf(session: Json, what: 'mode' | 'model'): Choice | null {
  const option = listOf(session.configOptions).find(
    ({ type, category, id }) =>
      (type === undefined || type === 'select') && (category === what || id === what),
  );
  if (option !== undefined) {
    const configId = textOf(option.id);
    return {
      offered: listOf(option.options)
        .flatMap((entry) => (Array.isArray(entry.options) ? listOf(entry.options) : [entry]))
        .map(({ value, name }) => ({ value: textOf(value), name: textOf(name) })),
      current: textOf(option.currentValue),
      method: 'session/set_config_option',
      params: (value) => ({ configId, value }),
    };
  }
  const [state, list, current, key] =
    what === 'mode'
      ? [asJson(session.modes), 'availableModes', 'currentModeId', 'id']
      : [asJson(session.models), 'availableModels', 'currentModelId', 'modelId'];
  if (!Array.isArray(state[list])) return null;
  return {
    offered: listOf(state[list]).map((entry) => ({ value: textOf(entry[key]), name: textOf(entry.name) })),
    current: textOf(state[current]),
    method: `session/set_${what}`,
    params: (value) => ({ [`${what}Id`]: value }),
  };
}
