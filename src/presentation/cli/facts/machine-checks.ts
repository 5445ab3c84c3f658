import { type CountedAgent, countAgents } from '../../../application/queries/agent-processes.ts';
import { stallReason } from '../../../application/queries/live-status.ts';
import type { InstanceReport, Runtime, UnreadProject } from '../../../application/runtime.ts';
import { plural } from '../../../domain/amounts.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { Check } from './check.ts';

/** Maximum number of ids or pids named in one line. */
const maxNamed = 5;
/** Maximum number of paused sessions checked per project. */
const maxLooked = 100;

/** Checks what runs on this machine: other maos processes, and orphaned agents. */
export async function checkMachine(runtime: Runtime): Promise<readonly Check[]> {
  try {
    const instances = await runtime.instances();
    const agents = await countAgents(runtime, 0);
    const unread: UnreadProject[] = [];
    const stalled = await stalledSessions(runtime, unread);
    return [
      ...unread.map(checkUnread),
      checkInstances(instances, runtime.version),
      checkAgents(agents),
      checkDaemons(process.platform),
      checkStalled(stalled),
    ];
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return [{ name: 'instances', state: 'problem', detail: 'cannot be read', fix: error.message }];
  }
}

/** Paused sessions that a maos has quarantined, newest first within each project. */
async function stalledSessions(runtime: Runtime, unread: UnreadProject[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { project } of runtime.allProjects((project) => unread.push(project))) {
    for (const { session } of project.store.list({ state: 'paused', limit: maxLooked })) {
      if (stallReason(project.store, session) !== null) ids.push(session.id);
    }
  }
  return ids;
}

function checkUnread({ file, path, error }: UnreadProject): Check {
  const detail = path === null ? file : `${file} of ${path}`;
  return { name: 'store', state: 'problem', detail, fix: error.message };
}

function checkStalled(ids: readonly string[]): Check {
  const name = 'sessions';
  if (ids.length === 0) return { name, state: 'ok', detail: 'none stalled', fix: null };
  return {
    name,
    state: 'warning',
    detail: `stalled, because no maos process could continue them: ${named(ids)}`,
    fix: "'maos status ID' shows the reason. 'maos resume ID' tries again, 'maos cancel ID' ends it.",
  };
}

export function checkInstances(instances: readonly InstanceReport[], version: string): Check {
  const name = 'instances';
  const here = instances.filter(({ state }) => state !== 'gone');
  const stale = instances.filter(({ state }) => state === 'stale');
  const others = here.filter((instance) => instance.version !== version);
  const gone = instances.length - here.length;
  const detail = [
    here.length === 0 ? 'none running' : `${plural(here.length, 'maos process', 'maos processes')}`,
    ...(stale.length === 0 ? [] : [`stale: ${named(stale.map(withPid))}`]),
    ...(others.length === 0 ? [] : [`another version: ${named(others.map(withVersion))}`]),
    ...(gone === 0 ? [] : [`${gone} died without cleaning up`]),
  ].join('; ');
  const fixes = [
    ...(stale.length === 0
      ? []
      : ['A stale process is stopped or overloaded and loses its sessions: end it by its pid.']),
    ...(others.length === 0 ? [] : [`Restart the clients that run another version; this is ${version}.`]),
  ];
  const isFine = fixes.length === 0;
  return { name, state: isFine ? 'ok' : 'warning', detail, fix: isFine ? null : fixes.join(' ') };
}

export function checkAgents(agents: readonly CountedAgent[]): Check {
  const name = 'agents';
  const unattended = agents.filter(({ known, stray }) => known !== null && !stray && known.owner !== 'alive');
  const orphaned = agents.filter(({ stray }) => stray);
  const detail = [
    agents.length === 0 ? 'none running' : `${plural(agents.length, 'agent')} running`,
    ...(unattended.length === 0 ? [] : [`without a maos process: ${named(unattended.map(agentPid))}`]),
    ...(orphaned.length === 0 ? [] : [`orphaned, from agents that ended: ${named(orphaned.map(agentPid))}`]),
  ].join('; ');
  const fixes = [
    ...(unattended.length === 0 ? [] : ["'maos list --all' starts a maos process that adopts them."]),
    ...(orphaned.length === 0 ? [] : ["'maos ps' lists them; end them by pid."]),
  ];
  const isFine = fixes.length === 0;
  return { name, state: isFine ? 'ok' : 'warning', detail, fix: isFine ? null : fixes.join(' ') };
}

/** Which processes an agent can leave that MAOS does not find. */
export function checkDaemons(platform: NodeJS.Platform): Check {
  const detail =
    platform === 'linux'
      ? 'MAOS finds and ends every process that an agent forks, but not what it hands to a service (systemd-run, docker, at, cron)'
      : 'MAOS finds and ends every process that an agent forks, except a daemon that clears its environment and leaves its session, and what it hands to a service (docker, at, cron)';
  return { name: 'daemons', state: 'ok', detail, fix: null };
}

function withPid({ id, pid }: InstanceReport): string {
  return `${id} (pid ${pid})`;
}

function withVersion({ id, pid, version }: InstanceReport): string {
  return `${id} (pid ${pid}, ${version})`;
}

function agentPid({ process }: CountedAgent): string {
  return `${process.agentId} (pid ${process.pid})`;
}

function named(texts: readonly string[]): string {
  const more = texts.length - maxNamed;
  return `${texts.slice(0, maxNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
