import { isUtf8 } from 'node:buffer';
import { lookup } from 'mrmime';
import { locateSession } from '../../project-access.ts';
import { expandUri, type Resource } from '../server/resource.ts';
import { completeSession, listedSessions } from './sessions-named.ts';

const uri = 'maos://sessions/{session_id}/artifacts/{path}';

/** Larger files should be read from the disk. */
const maxBytes = 4 * 1024 * 1024;

const unknownType = 'application/octet-stream';

export const artifactResource: Resource = {
  uri,
  name: 'artifact',
  title: 'File of an agent',
  description:
    'A file in the shared context or the results of a session, such as results/reviewer/report.md.',
  async list(context) {
    return (await listedSessions(context)).flatMap(({ summary, about, artifacts }) =>
      artifacts.map(({ path, sizeBytes, recordedAt }) => ({
        uri: expandUri({ uri }, { session_id: summary.session.id, path }),
        name: path,
        title: `${path}: ${about}`,
        size: sizeBytes,
        annotations: { lastModified: recordedAt },
      })),
    );
  },
  async read({ session_id = '', path = '' }, asked, context) {
    const { project, id } = await locateSession(context, session_id);
    const bytes = Buffer.from(await project.host.readArtifact(id, path, maxBytes));
    const type = lookup(path) ?? unknownType;
    if (!isUtf8(bytes) || bytes.includes(0)) {
      return { uri: asked, mimeType: isTextual(type) ? unknownType : type, blob: bytes.toString('base64') };
    }
    return { uri: asked, mimeType: isTextual(type) ? type : 'text/plain', text: bytes.toString('utf8') };
  },
  async complete(variable, typed, given, context) {
    if (variable === 'session_id') return completeSession(typed, context);
    const { project, id } = await locateSession(context, given.session_id ?? 'latest');
    const paths = project.store.artifacts(id).map((artifact) => artifact.path);
    return paths.filter((path) => path.startsWith(typed));
  },
};

/** Whether the type means text. (`.ts`, registered as a video type, is detected as text by its content.) */
function isTextual(type: string): boolean {
  return /^text\/|[/+](json|xml|yaml|toml|javascript)$/.test(type);
}
