import type { AttemptEvidence } from '../../../application/evidence/agent-history.ts';
import type {
  AgentEvidence,
  CheckEvidence,
  Evidence,
  LandedEvidence,
  LandingEvent,
} from '../../../application/evidence/evidence.ts';
import { firstLineOf } from '../../../application/quotation.ts';
import { plural } from '../../../domain/amounts.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { checkEndText, hasPassed } from '../../../domain/verification.ts';
import { diffText, proofStateOf } from '../../../domain/work-text.ts';
import { describeEvent } from '../../contracts/event-lines.ts';
import { codeBlock, codeSpan } from '../../contracts/markdown.ts';

/** Maximum characters of what a CLI said. */
const maxSaid = 2_000;
const maxLine = 200;
const maxPaths = 20;

/** Evidence as Markdown for a pull request. */
export function evidenceMarkdown({ session, agents, landings, lastEvent }: Evidence): string[] {
  const { repository } = session;
  return [
    `## Evidence of ${codeSpan(session.id)}`,
    '',
    `- Objective: ${line(session.objective)}`,
    `- State: ${session.state}`,
    ...(repository === null
      ? []
      : [
          `- Began at commit ${codeSpan(repository.commit)}${repository.branch === null ? '' : ` of ${codeSpan(repository.branch)}`}`,
        ]),
    ...(lastEvent === null
      ? []
      : [`- Event log: ${plural(lastEvent.seq, 'record')}, last hash ${codeSpan(lastEvent.hash)}`]),
    ...landings.map(
      ({ id, state, landing }) =>
        `- Landing ${codeSpan(id)} onto ${codeSpan(landing?.target ?? '')}: ${state}`,
    ),
    ...agents.flatMap((agent) => ['', ...agentLines(agent)]),
    '',
    `Checks were run by MAOS, not by the agents. ${codeSpan(`maos audit verify ${session.id}`)} verifies this record and the logs.`,
  ];
}

function agentLines({ agent, attempts, checks, fixRounds, landed }: AgentEvidence): string[] {
  const { name, role, backend, model, work, result, failure } = agent;
  const by = [backend, ...(model === null ? [] : [model])].join(' ');
  return [
    `### ${codeSpan(name)} (${codeSpan(role.name)}, ${codeSpan(by)}): ${agent.state}`,
    '',
    `- Task: ${line(agent.task)}`,
    ...(work === null ? [] : workLines(work)),
    ...(failure === null ? [] : [`- Failure: ${failure.kind}: ${line(failure.message)}`]),
    '',
    '**Its process**',
    '',
    ...(attempts.length === 0 ? ['It was not started.'] : attempts.map(attemptLine)),
    '',
    '**Its own words** (not verified)',
    '',
    ...saidLines(attempts.length === 0 ? '' : (result ?? '').trim()),
    '',
    `**Its checks**${proofText(agent, fixRounds)}`,
    '',
    ...(checks.length === 0 ? ['None.'] : checks.flatMap(checkLines)),
    ...landed.flatMap((one) => ['', ...landedLines(one)]),
  ];
}

function saidLines(result: string): string[] {
  return result === '' ? ['None.'] : codeBlock(shorten(result, maxSaid));
}

function workLines(work: NonNullable<AgentEvidence['agent']['work']>): string[] {
  return [
    `- Branch: ${codeSpan(work.branch)}, from ${codeSpan(work.base)}`,
    work.commit === null ? '- Commit: none yet' : `- Commit: ${codeSpan(work.commit)}`,
    ...(work.diff === null ? [] : [`- Changes: ${diffText(work.diff)}`]),
  ];
}

function proofText(agent: AgentEvidence['agent'], fixRounds: number): string {
  const rounds = fixRounds === 0 ? '' : ` after ${plural(fixRounds, 'fix round')}`;
  const state = proofStateOf(agent);
  return state === 'none' ? '' : `: ${state}${rounds}`;
}

function attemptLine({ attempt, end, exit }: AttemptEvidence): string {
  const status =
    exit === null
      ? []
      : [exit.signal === null ? `exit status ${exit.exitCode}` : `signal ${exit.signal}`, exit.at];
  const event = end === null ? [] : [line(describeEvent(end))];
  const facts = [...status, ...event];
  return `- Attempt ${attempt}: ${facts.length === 0 ? 'running' : facts.join(', ')}`;
}

function checkLines({ check, command, commit, round, startedAt, report, log }: CheckEvidence): string[] {
  const verdict = report === null ? 'no result' : hasPassed(report) ? 'passed' : 'failed';
  const restored = report?.restored ?? [];
  return [
    `- Check ${check}: ${codeSpan(command)}: **${verdict}**${round === 0 ? '' : ` (fix round ${round})`}`,
    ...(commit === null ? [] : [`  - commit ${codeSpan(commit)}`]),
    `  - ${startedAt} to ${report === null ? 'unknown' : `${report.endedAt}, ${line(checkEndText(report))}`}`,
    ...(restored.length === 0
      ? []
      : [`  - protected files taken from the base: ${restored.slice(0, maxPaths).map(codeSpan).join(', ')}`]),
    `  - logs in ${codeSpan(log.location)}${report === null ? '' : `, ${report.logBytes} bytes, SHA-256 ${codeSpan(report.logSha256)}`} (${log.state})`,
  ];
}

function landedLines({ sessionId, events, checks }: LandedEvidence): string[] {
  return [
    `**Its landing** (${codeSpan(sessionId)})`,
    '',
    ...checks.flatMap(checkLines),
    ...events.map((event) => `- ${landingLine(event)}`),
  ];
}

function landingLine({ type, at, data }: LandingEvent): string {
  switch (type) {
    case 'landing.moved':
      return `landed on ${codeSpan(data.target)} at ${codeSpan(data.to)}${data.squash ? ', squashed' : ''} (${at})`;
    case 'landing.waiting':
      return `waits on ${codeSpan(data.branch)}: ${line(data.reason)} Take it with ${codeSpan(data.command)} (${at})`;
    case 'landing.skipped':
      return `skipped: ${line(data.reason)} (${at})`;
    case 'landing.conflict':
      return `conflicted with ${codeSpan(data.target)} in ${data.paths.slice(0, maxPaths).map(codeSpan).join(', ')} (${at})`;
    case 'landing.joined':
      return `merged cleanly with ${codeSpan(data.base)}, at ${codeSpan(data.commit)} (${at})`;
    case 'landing.restarted':
      return `merged again: ${line(data.reason)} (${at})`;
  }
}

function line(text: string): string {
  return codeSpan(shorten(firstLineOf(text), maxLine));
}
