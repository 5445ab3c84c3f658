import { bugHunt } from '../prompts/bug-hunt.ts';
import { feature } from '../prompts/feature.ts';
import { review } from '../prompts/review.ts';
import { agentOutputResource } from '../resources/agent-output.ts';
import { artifactResource } from '../resources/artifact.ts';
import { rolesResource } from '../resources/roles.ts';
import { sessionEventsResource } from '../resources/session-events.ts';
import { sessionEvidenceResource } from '../resources/session-evidence.ts';
import { sessionStatusResource } from '../resources/session-status.ts';
import { sessionsResource } from '../resources/sessions.ts';
import { agentOutput } from '../tools/agent-output.ts';
import { controlSession } from '../tools/control-session.ts';
import { landSession } from '../tools/land-session.ts';
import { listRoles } from '../tools/list-roles.ts';
import { listSessions } from '../tools/list-sessions.ts';
import { orchestrate } from '../tools/orchestrate.ts';
import { respond } from '../tools/respond.ts';
import { sendMessage } from '../tools/send-message.ts';
import { sessionStatus } from '../tools/session-status.ts';
import { waitSession } from '../tools/wait-session.ts';
import type { Prompt } from './prompt.ts';
import type { Resource } from './resource.ts';
import type { Tool } from './tool.ts';

/** What a server offers over MCP, independent of SDK and transport. */
export interface Registry {
  readonly tools: readonly Tool[];
  readonly resources: readonly Resource[];
  readonly prompts: readonly Prompt[];
}

/** Everything that MAOS offers. A new tool, resource or prompt needs its file and an entry here. */
export const registry: Registry = {
  tools: [
    orchestrate,
    waitSession,
    sessionStatus,
    agentOutput,
    controlSession,
    respond,
    landSession,
    sendMessage,
    listSessions,
    listRoles,
  ],
  resources: [
    rolesResource,
    sessionsResource,
    sessionStatusResource,
    sessionEventsResource,
    sessionEvidenceResource,
    agentOutputResource,
    artifactResource,
  ],
  prompts: [feature, bugHunt, review],
};
