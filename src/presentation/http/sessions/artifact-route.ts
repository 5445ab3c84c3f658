import { isUtf8 } from 'node:buffer';
import type { Context, Handler } from 'hono';
import { startOf } from '../../../domain/cut-text.ts';
import { isMaosError } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import type { LocatedSession } from '../../project-access.ts';
import type { HttpEnv } from '../server/endpoints.ts';
import { refusing } from '../server/refusing.ts';
import { artifactQuerySchema } from './session-schemas.ts';

/** A larger file should be opened itself: this one is in memory while it is sent. */
const maxBytes = 32 * 1024 * 1024;
const maxPreview = 256 * 1024;

/** What an agent wrote is never run by a browser: not as a page, a script or an image. */
const headers = {
  'Content-Type': 'application/octet-stream',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox; default-src 'none'",
  'Cache-Control': 'no-store',
};

/** `GET /api/sessions/{id}/artifacts/{path}`: a file as a download, or with `?as=text` the beginning of its text. */
export function artifactHandler(
  locate: (context: Context<HttpEnv>) => Promise<LocatedSession>,
): Handler<HttpEnv> {
  return refusing(async (context) => {
    const query = parseInput(artifactQuerySchema, context.req.query(), 'query');
    const path = context.req.param('path') ?? '';
    const { project, id } = await locate(context);
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = Uint8Array.from(await project.host.readArtifact(id, path, maxBytes));
    } catch (error) {
      if (!isMaosError(error, 'RESOURCE_LIMIT_EXCEEDED')) throw error;
      return context.json({ code: error.code, message: error.message }, 409);
    }
    if (query.as === 'text') return context.json({ path, size_bytes: bytes.length, ...previewOf(bytes) });
    return context.body(bytes, 200, { ...headers, 'Content-Disposition': dispositionOf(path) });
  });
}

function previewOf(bytes: Uint8Array) {
  if (!isUtf8(bytes) || bytes.includes(0)) return { text: null, truncated: false };
  const text = new TextDecoder().decode(bytes);
  return { text: startOf(text, maxPreview), truncated: text.length > maxPreview };
}

/** As a download with the file's own name (RFC 6266). */
function dispositionOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1).toWellFormed();
  const plain = name.replaceAll(/[^\w.+ -]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
