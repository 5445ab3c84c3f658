import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { listOfTexts, number, oneOf, orNone, textLike, variables } from '../../config/kinds.ts';
import { namedEntries } from '../../config/named-entries.ts';
import { required, setting, type Values } from '../../config/setting.ts';
import { permissionModes } from './bridge-options.ts';

const programName = textLike(
  /^[a-z][a-z0-9_-]{0,39}$/,
  "a name of at most 40 lower-case letters, digits, '-' or '_', beginning with a letter",
);
const program = textLike(/^[^\0]{1,4096}$/, 'a program: its name on PATH, or its absolute path');
const id = textLike(/^[^\p{C}]{1,200}$/u, 'a text of 1 to 200 characters');

/** One program that speaks the Agent Client Protocol: `backends.agentClient.<name>` in `config.json`. */
export const agentClientFields = {
  command: setting(program, required, 'The program.'),
  args: setting(listOfTexts('argument'), [], 'Its arguments.'),
  env: setting(variables, {}, 'Variables it gets, with their values.'),
  pass: setting(
    listOfTexts('name of a variable, or a beginning of names with * after it,'),
    [],
    "Providers' keys it gets from the environment of MAOS.",
  ),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    "Default model; null: the program's own choice.",
  ),
  mode: setting(
    orNone(id),
    null,
    "Mode the program works in, as it calls it; null: the program's own choice.",
  ),
  authMethod: setting(orNone(id), null, 'Id of its sign-in method, for programs that require one.'),
  permissionMode: setting(
    oneOf(permissionModes),
    'acceptEdits',
    'What MAOS grants at once when it asks; anything else is a request to you.',
  ),
  startSeconds: setting(number(1, 3_600), 120, 'Seconds it may take until it has the prompt.'),
  silenceSeconds: setting(
    number(1, 86_400),
    600,
    'Seconds it may say nothing while none of its tools is running.',
  ),
};

export type AgentClientSettings = Values<typeof agentClientFields>;

/** User-only, because it decides which programs run. */
export const agentClientSettings = setting(
  namedEntries(programName, 'program', agentClientFields),
  {},
  'Programs that speak the Agent Client Protocol, by name: agents use one as the backend agent-client:NAME.',
  { userOnly: true },
);
