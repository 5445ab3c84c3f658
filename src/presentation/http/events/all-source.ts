import type { Project } from '../../../application/project.ts';
import { sessionRanMs } from '../../../application/queries/live-status.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { summaryView } from '../../contracts/views.ts';
import { allIdOf, keyOf, type Positions, positionsIn } from './all-position.ts';
import { type EventSource, frameText, newestShown } from './event-source.ts';
import type { ProjectFeed, ProjectFeeds } from './project-feeds.ts';

/** A project that appears with more events than this is shown by a snapshot, not event by event. */
const maxReplayed = 1_000;

interface Followed {
  readonly feed: ProjectFeed;
  /** Set with the first session of the project. */
  key: string | null;
  position: number;
  leave(): void;
}

/**
 * The events of every project in one stream. Each project's are in order; those of different projects come as they are
 * found. A project that appears later is followed from its beginning.
 * @param lastSeen the positions to continue from; without ones that are valid in all stores, a snapshot opens the stream
 */
export function allSource(feeds: ProjectFeeds, lastSeen: string | null): EventSource {
  const followed = new Map<Project, Followed>();
  let wake = (): void => {};
  let isJoined = false;
  let needsSnapshot = false;
  /** The project whose turn it is, so that one with many events does not keep the others waiting. */
  let turn = 0;

  const keyFor = (each: Followed): string | null => {
    if (each.key === null) {
      const { project } = each.feed;
      const origin = project.store.feed.origin();
      if (origin !== null) each.key = keyOf(project.path, origin);
    }
    return each.key;
  };
  const positions = (): Positions =>
    new Map([...followed.values()].map((each) => [keyFor(each) ?? '', each.position]));

  const follow = (feed: ProjectFeed, position: number): void => {
    const leave = isJoined ? feed.tail.join(() => wake()) : () => {};
    followed.set(feed.project, { feed, key: null, position, leave });
  };
  const leaveOut = (each: Followed, error: unknown): void => {
    each.leave();
    followed.delete(each.feed.project);
    feeds.leaveOut(each.feed, error);
  };

  const snapshot = (): string => {
    const shown = [];
    let omitted = 0;
    for (const each of [...followed.values()]) {
      try {
        const { store, clock, path } = each.feed.project;
        const overview = store.feed.overview(newestShown);
        const now = Date.parse(clock.now());
        const sessions = overview.sessions.map((summary) => ({
          ...summaryView(summary, sessionRanMs(store, summary.session, now)),
          project: path,
        }));
        each.position = overview.position;
        omitted += overview.omitted;
        shown.push(...sessions);
      } catch (error) {
        leaveOut(each, error);
      }
    }
    shown.sort((a, b) => (a.session_id < b.session_id ? 1 : -1));
    const sessions = shown.filter(({ state }, index) => index < newestShown || !isSessionEnded(state));
    const id = allIdOf(positions());
    const data = { position: id, sessions, omitted: omitted + shown.length - sessions.length };
    return frameText(id, 'snapshot', JSON.stringify(data));
  };

  /** Takes over projects that appeared, and those whose database was replaced. */
  const onChange = (): void => {
    const present = new Set(feeds.all.map(({ project }) => project));
    for (const [project, each] of [...followed]) {
      if (present.has(project)) continue;
      each.leave();
      followed.delete(project);
      needsSnapshot = true;
    }
    for (const feed of feeds.all) {
      if (followed.has(feed.project)) continue;
      follow(feed, 0);
      needsSnapshot ||= feed.project.store.feed.lastPosition() > maxReplayed;
    }
    wake();
  };

  const nextOf = (each: Followed): string => {
    const { frames, upTo } = each.feed.tail.after(each.position, null);
    let text = '';
    for (const { position, type, data } of frames) {
      each.position = position;
      text += frameText(allIdOf(positions()), type, data);
    }
    each.position = upTo;
    return text;
  };

  /** False, and nothing is set, if the positions are not valid in these stores. */
  const resume = (given: Positions | null): boolean => {
    const last = new Map<string | null, number>();
    for (const each of [...followed.values()]) {
      try {
        last.set(keyFor(each), each.feed.project.store.feed.lastPosition());
      } catch (error) {
        leaveOut(each, error);
      }
    }
    if (given === null || [...given].some(([key, position]) => position > (last.get(key) ?? -1)))
      return false;
    for (const each of followed.values()) each.position = given.get(each.key ?? '') ?? 0;
    return true;
  };

  for (const feed of feeds.all) follow(feed, 0);
  const isResumed = resume(lastSeen === null ? null : positionsIn(lastSeen));
  return {
    opening: isResumed ? '' : snapshot(),
    join(onMore) {
      wake = onMore;
      isJoined = true;
      for (const each of followed.values()) each.leave = each.feed.tail.join(() => wake());
      const unsubscribe = feeds.subscribe(onChange);
      return () => {
        unsubscribe();
        for (const { leave } of followed.values()) leave();
      };
    },
    next() {
      if (needsSnapshot) {
        needsSnapshot = false;
        return snapshot();
      }
      const all = [...followed.values()];
      for (let count = 0; count < all.length; count += 1) {
        const each = all[(turn + count) % all.length] as Followed;
        try {
          const text = nextOf(each);
          if (text === '') continue;
          turn = (turn + count + 1) % all.length;
          return text;
        } catch (error) {
          leaveOut(each, error);
        }
      }
      return '';
    },
    get mayHaveMore() {
      return needsSnapshot || [...followed.values()].some(({ feed }) => feed.tail.hasUnsavedEvents);
    },
  };
}
