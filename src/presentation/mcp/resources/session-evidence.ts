import { gatherEvidence } from '../../../application/evidence/evidence.ts';
import { evidenceView } from '../../contracts/evidence-view.ts';
import { locateSession } from '../../project-access.ts';
import type { Resource } from '../server/resource.ts';
import { followValue, json, ofEachSession } from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/evidence';

/** The tool agent-output returns the whole text. */
const maxSaid = 2_000;

export const sessionEvidenceResource: Resource = {
  uri,
  name: 'session-evidence',
  title: 'Evidence of a session',
  description:
    "What proves the work of a session: per agent its commit, how its process ended, what it said, and what MAOS's checks and landings found.",
  mimeType: 'application/json',
  ...ofEachSession(uri, 'Evidence'),
  async read({ session_id = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    return json(asked, evidenceView(await gatherEvidence(project, id, null), maxSaid));
  },
  async follow({ session_id = '' }, changed, context) {
    const { project, id } = await locateSession(context, session_id);
    const { store } = project;
    const sources = () => [id, ...store.landingsOf(id)].map((source) => store.lastSeq(source));
    return followValue(project, () => sources().join(' '), changed);
  },
};
