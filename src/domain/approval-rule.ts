import { compilePattern, isCommandAllowed } from './command-permission.ts';
import { codeOf, markUnquoted } from './shell-words.ts';
import { countBarred, matchesParts, splitAtStars } from './star-match.ts';

/** Answers permission requests on the user's behalf. */
export interface ApprovalRule {
  /** The tool's name in its CLI; `*` matches any text. */
  readonly tool: string;
  /** What the request must be for: a command, a path or an address; `*` matches any text. Null: anything. */
  readonly pattern: string | null;
  readonly decision: 'allow' | 'deny';
}

/** What a permission is requested for, in full. */
interface Asked {
  readonly tool: string;
  readonly action: string;
}

/** The CLIs' names for tools that run a shell line. */
const shells = new Set(
  'bash sh shell zsh powershell terminal execute exec exec_command execute_command run_shell_command local_shell run_command run_in_terminal run_terminal_cmd'.split(
    ' ',
  ),
);
/**
 * Characters that `*` in an allowing pattern never matches: with an unknown shell tool, they could smuggle in another
 * command.
 */
const separators = new Set([...';&|<>$`\\\n\r'].map(codeOf));
/** A path that leaves the folder that it appears to be in. */
const upwards = /(^|[/\\\s])\.\.($|[/\\\s])/;

/**
 * The rule that answers: any denying rule before any allowing one. Null: a person has to answer. Denials match
 * generously, including each of several commands in a line. Permissions match strictly, so that neither quoting nor a
 * separator can smuggle anything past them.
 */
export function ruleFor(rules: readonly ApprovalRule[], asked: Asked): ApprovalRule | null {
  const ofTool = rules.filter((rule) => isAlike(rule.tool, asked.tool));
  const denies = ({ decision, pattern }: ApprovalRule): boolean =>
    decision === 'deny' && (pattern === null || isDenied(pattern, asked));
  const allows = ({ decision, pattern }: ApprovalRule): boolean =>
    decision === 'allow' && (pattern === null || isAllowed(pattern, asked));
  return ofTool.find(denies) ?? ofTool.find(allows) ?? null;
}

/** Such as `allow Bash(git status *)`. */
export function ruleText({ tool, pattern, decision }: ApprovalRule): string {
  return `${decision} ${tool}${pattern === null ? '' : `(${pattern})`}`;
}

function isAllowed(pattern: string, { tool, action }: Asked): boolean {
  if (pattern === '*' || pattern === action) return true;
  if (shells.has(tool.toLowerCase())) return isCommandAllowed([compilePattern(pattern)], action);
  return !upwards.test(action) && isAlike(pattern, action, (mark) => separators.has(mark));
}

function isDenied(pattern: string, { action }: Asked): boolean {
  return commandsIn(action).some((command) => isAlike(plain(pattern), command));
}

/**
 * The whole text, and each part that a shell could run as a command, without quotes and extra white space. Of an input
 * as JSON also those of each text in it.
 */
function commandsIn(action: string): readonly string[] {
  return [action, ...textsIn(action)]
    .flatMap((text) => [text, ...text.split(/[;&|<>()`\n\r{}]|\$\(/)])
    .map(plain);
}

/** The texts of a JSON object; none for any other text. */
function textsIn(action: string): readonly string[] {
  if (!action.startsWith('{')) return [];
  try {
    const texts: string[] = [];
    JSON.parse(action, (_, value: unknown) => void (typeof value === 'string' && texts.push(value)));
    return texts;
  } catch {
    return [];
  }
}

function plain(text: string): string {
  return text
    .replaceAll(/['"\\]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function isAlike(pattern: string, text: string, isBarred: (mark: number) => boolean = () => false): boolean {
  const marked = markUnquoted(text);
  return matchesParts(splitAtStars(markUnquoted(pattern)), marked, countBarred(marked, isBarred));
}
