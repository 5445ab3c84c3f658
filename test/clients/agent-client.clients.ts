import {
  claudeThrough,
  codexThrough,
  geminiThrough,
  opencodeThrough,
  qwenThrough,
} from './agent-client-drivers.ts';
import { backendCases } from './backend-cases.ts';

// What differs from program to program. The rest is the bridge's, and is tried with the one that starts fastest.
backendCases(claudeThrough, ['result', 'tool', 'resume', 'cancel', 'adoption']);
// It keeps a conversation from its first answer on: interrupted before, there is none to go on with.
backendCases(geminiThrough, ['result', 'tool', 'cancel', 'adoption']);
backendCases(opencodeThrough, ['result', 'tool', 'resume', 'cancel', 'adoption']);
backendCases(qwenThrough, ['result', 'tool', 'resume', 'adoption']);
backendCases(codexThrough, [
  ...(['result', 'tool', 'resume', 'cancel', 'adoption'] as const),
  ...(['wrong key', 'unknown model', 'long task', 'hanging start', 'children'] as const),
]);
