import * as z from 'zod';
import { PathClaims } from '../../../application/claims/path-claims.ts';
import { agentTool, changesRecords } from './agent-tool.ts';

export const claimPaths = agentTool({
  name: 'claim_paths',
  title: 'Claim paths',
  description:
    'Tells the team that you will change these paths, or says who already works on them. A claim blocks nobody.',
  input: z.strictObject({
    paths: z.array(z.string()).describe('Files, folders or patterns with *'),
    reason: z.string(),
    minutes: z.number().optional(),
  }),
  annotations: changesRecords,
  async run({ paths, reason, minutes = null }, { project, caller }) {
    const claims = await new PathClaims(project).claim(caller, { paths, reason, minutes });
    const until = claims.map(({ path, expiresAt }) => `${path} until ${expiresAt}`);
    return `Claimed: ${until.join(', ')}.`;
  },
});

export const releasePaths = agentTool({
  name: 'release_paths',
  title: 'Release paths',
  description: 'Releases paths that you claimed; without paths, all of them.',
  input: z.strictObject({ paths: z.array(z.string()).optional() }),
  annotations: changesRecords,
  async run({ paths = null }, { project, caller }) {
    const released = await new PathClaims(project).release(caller, paths);
    return released.length === 0 ? 'You had claimed none of them.' : `Released: ${released.join(', ')}.`;
  },
});
