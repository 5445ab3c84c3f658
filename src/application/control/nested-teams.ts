import type { ParentAgent } from '../../domain/session.ts';
import type { Log } from '../ports/log.ts';
import type { TeamRequest, Teams } from '../ports/teams.ts';
import type { Project } from '../project.ts';
import { ownershipTiming } from '../session/supervisor.ts';
import { askTeams } from './ask-teams.ts';

/** The projects in which agents have started teams. */
export interface NestedProjects {
  add(parent: ParentAgent, root: string): void;
  of(parent: ParentAgent): readonly string[];
  forget(parent: ParentAgent, root: string): Promise<void>;
}

export interface NestedTeamsDeps {
  readonly nested: NestedProjects;
  /** Resolves to null when the project has no store. */
  readonly open: (root: string) => Promise<Project | null>;
  readonly startDetachedSupervisor: (project: Project) => void;
  readonly log: Log;
}

/** The teams that agents start, in any project. @param root the project in which this process starts teams */
export function makeTeams(root: string, deps: NestedTeamsDeps): Teams {
  const { nested, log } = deps;
  return {
    note: (parent) => nested.add(parent, root),
    async ask(parent, desired, reason) {
      try {
        for (const path of nested.of(parent)) await askIn(path, parent, desired, reason, deps);
      } catch (error) {
        log.log('error', 'cannot look up the teams of an agent', { agent: parent.agentId, error });
      }
    },
  };
}

async function askIn(
  root: string,
  parent: ParentAgent,
  desired: TeamRequest,
  reason: string,
  { nested, open, startDetachedSupervisor, log }: NestedTeamsDeps,
): Promise<void> {
  try {
    const project = await open(root);
    if (project !== null && (await askTeams(project, parent, desired, reason, ownershipTiming))) {
      startDetachedSupervisor(project);
    }
    if (desired === 'cancelled') await nested.forget(parent, root);
  } catch (error) {
    const { agentId: agent } = parent;
    log.log('error', 'cannot send a request to the teams of an agent', {
      agent,
      project: root,
      desired,
      error,
    });
  }
}
