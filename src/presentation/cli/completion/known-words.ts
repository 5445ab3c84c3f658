import type { Project } from '../../../application/project.ts';
import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import type { Candidate, KnownWords } from './candidates.ts';

/** Newest sessions and requests that are offered. */
const most = 30;
const allSessions = 100_000;

/** Words from the project's store, the roles and the settings. Nothing is created, asked or adopted for them. */
export function knownWords(context: CommandContext): KnownWords {
  const { projectPath } = context;
  const runtime = context.runtime();
  const project = async (): Promise<Project | null> =>
    (await runtime.findProject(projectPath))?.project ?? null;
  const value = async (key: string): Promise<unknown> =>
    (await runtime.settings(projectPath)).settings.find((setting) => setting.key === key)?.value;

  return {
    async sessions() {
      const store = (await project())?.store;
      if (store === undefined) return [];
      const short = shortIds(store.findSessions('', allSessions));
      const found = store.list({ limit: most }).map(({ session: { id, state, objective } }) => ({
        word: short.get(id) ?? id,
        says: `${state}: ${shorten(oneLine(objective), 60)}`,
      }));
      // A whole id is completed too.
      const whole = store.list({ limit: most }).map(({ session: { id } }) => ({ word: id }));
      return found.length === 0 ? [] : [{ word: 'latest', says: 'the newest session' }, ...found, ...whole];
    },
    async agentNames(reference = 'latest') {
      const { project, id } = await new SessionFinder(context).session(reference);
      return project.store
        .load(id)
        .agents.map(({ name, role, state }) => ({ word: name, says: `${role.name}, ${state}` }));
    },
    async agentIds() {
      const store = (await project())?.store;
      const [newest] = store?.list({ limit: 1 }) ?? [];
      if (store === undefined || newest === undefined) return [];
      return store.load(newest.session.id).agents.map(({ id, state }) => ({ word: id, says: state }));
    },
    async requests() {
      const open = (await project())?.store.inputRequests.list({ state: 'open', limit: most }) ?? [];
      return open.map(({ id, kind }) => ({ word: id, says: kind }));
    },
    async roles() {
      const { custom, predefined } = catalogueOf(await runtime.roles(projectPath));
      return [...custom, ...predefined].map(({ name, title }) => ({ word: name, says: oneLine(title) }));
    },
    async backends() {
      const { settings } = await runtime.settings(projectPath);
      const predefined = settings.flatMap(({ key }) => /^backends\.(\w+)\.path$/.exec(key)?.[1] ?? []);
      const entries = async (key: string) => Object.keys((await value(key)) ?? {});
      return [
        ...new Set(predefined),
        'command',
        ...(await entries('backends.agentClient')).map((name) => `agent-client:${name}`),
        ...(await entries('backends.custom')).map((name) => `custom:${name}`),
      ].map((word): Candidate => ({ word }));
    },
    async settings() {
      const { settings } = await runtime.settings(projectPath);
      return settings.map(({ key, description }) => ({ word: key, says: shorten(oneLine(description), 70) }));
    },
  };
}
