import type { MilestoneStore, StoredMilestone } from '../../application/ports/milestones.ts';
import { plural } from '../../domain/amounts.ts';
import { MaosError } from '../../domain/errors.ts';
import { agentEvent, type RecordedEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { inState } from '../../domain/state-words.ts';
import type { Database } from './open-database.ts';
import { eventOf, eventTable } from './tables.ts';
import { readSession } from './workflow-reader.ts';
import { appendEvents } from './workflow-writer.ts';

/** Only this many of the newest events are searched: reading the whole log of a long session would take too long. */
const newest = 1_000;

const amongNewest = `session_id = ? AND type = 'agent.reported'
  AND seq > (SELECT max(seq) FROM events WHERE session_id = ?) - ${newest}`;
const selectReports = `SELECT ${eventTable.columns} FROM events WHERE ${amongNewest} ORDER BY seq`;
const countRecent = `SELECT count(*) AS count, min(at) AS first FROM events
  WHERE ${amongNewest} AND agent_id = ? AND at > ?`;

export function makeMilestoneStore(db: Database): MilestoneStore {
  return {
    add: (agent, { text, progress }, mostPerMinute, at) =>
      db.write(() => {
        const { sessionId, id, name } = agent;
        const { state } = readSession(db, sessionId);
        if (isSessionEnded(state)) {
          throw new MaosError(
            'INVALID_TRANSITION',
            `Session ${sessionId} ${inState(state)}: nothing more can be reported in it.`,
          );
        }
        const minuteAgo = new Date(Date.parse(at) - 60_000).toISOString();
        const { count, first } = db.sql(countRecent).get(sessionId, sessionId, id, minuteAgo) ?? {};
        if (Number(count) >= mostPerMinute) {
          const seconds = Math.max(
            1,
            Math.ceil((Date.parse(String(first)) + 60_000 - Date.parse(at)) / 1_000),
          );
          throw new MaosError(
            'RESOURCE_LIMIT_EXCEEDED',
            `Agent ${name} has made ${plural(mostPerMinute, 'report')} within a minute, the most it may. Report milestones only; the next is taken in ${seconds} s.`,
            { details: { limit: mostPerMinute, retryAfterSeconds: seconds } },
          );
        }
        const event = agentEvent('agent.reported', { id, sessionId }, at, { name, text, progress });
        return appendEvents(db, sessionId, [event])[0] as RecordedEvent;
      }),
    latest: (sessionId) =>
      db.run(() => {
        const reports = new Map<AgentId, StoredMilestone>();
        for (const event of db.sql(selectReports).all(sessionId, sessionId).map(eventOf)) {
          if (event.type !== 'agent.reported' || event.agentId === null) continue;
          const { text, progress } = event.data;
          reports.set(event.agentId, { text, progress, at: event.at });
        }
        return reports;
      }),
  };
}
