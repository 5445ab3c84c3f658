import { compilePattern, isCommandAllowed } from './command-permission.ts';
import { codeOf, markUnquoted } from './shell-words.ts';
import { countBarred, matchesParts, splitAtStars } from './star-match.ts';

/** Answers permission requests in the user's place. */
export interface ApprovalRule {
  /** The tool as its CLI calls it; `*` stands for any text. */
  readonly tool: string;
  /** What the request must ask for: a command, a path, an address; `*` stands for any text. Null: anything. */
  readonly pattern: string | null;
  readonly decision: 'allow' | 'deny';
}

/** What a permission is asked for, in full. */
interface Asked {
  readonly tool: string;
  readonly action: string;
}

/** Tools that give a line to a shell, as the CLIs call them. */
const shells = new Set(
  'bash sh shell zsh powershell terminal execute exec exec_command execute_command run_shell_command local_shell run_command run_in_terminal run_terminal_cmd'.split(
    ' ',
  ),
);
/** What `*` of an allowing pattern never stands for: where the tool is a shell that is not known as one, these smuggle. */
const separators = new Set([...';&|<>$`\\\n\r'].map(codeOf));
/** A path that leaves the folder it seems to lie in. */
const upwards = /(^|[/\\\s])\.\.($|[/\\\s])/;

/**
 * The rule that answers: any that denies before any that allows. Null: a person has to.
 * What denies is found generously, also as one of several commands of a line; what allows is found strictly, so that
 * neither quoting nor a separator can smuggle anything past it.
 */
export function ruleFor(rules: readonly ApprovalRule[], asked: Asked): ApprovalRule | null {
  const ofTool = rules.filter((rule) => isAlike(rule.tool, asked.tool));
  const denies = ({ decision, pattern }: ApprovalRule): boolean =>
    decision === 'deny' && (pattern === null || isDenied(pattern, asked));
  const allows = ({ decision, pattern }: ApprovalRule): boolean =>
    decision === 'allow' && (pattern === null || isAllowed(pattern, asked));
  return ofTool.find(denies) ?? ofTool.find(allows) ?? null;
}

/** `allow Bash(git status *)`. */
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

/** The whole text and each command that a shell might see in it, without what only quotes or separates. */
function commandsIn(action: string): readonly string[] {
  return [action, ...action.split(/[;&|<>()`\n\r{}]|\$\(/)].map(plain);
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
