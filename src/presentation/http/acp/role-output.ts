import { isUtf8 } from 'node:buffer';
import { lookup } from 'mrmime';
import type { AgentActivity, OutputParser } from '../../../application/ports/backend.ts';
import type { Project } from '../../../application/project.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { SessionId } from '../../../domain/ids.ts';
import type { MessagePart } from './schemas.ts';

/** Maximum number of steps reported for a run; its log has the whole output. */
const maxSteps = 500;
const pageBytes = 256 * 1024;
/** Larger files are referenced, not included. */
const maxFileBytes = 256 * 1024;
const maxFilesBytes = 1024 * 1024;

/** The steps of an agent, parsed from its output: each step once, in order, however often it is read. */
export class StepReader {
  readonly #project: Project;
  #attempt = 0;
  #parser: OutputParser | null = null;
  #at = 0;
  #told = 0;
  /** The last text. It may be the result, which is a separate part. */
  #held: string | null = null;

  constructor(project: Project) {
    this.#project = project;
  }

  /** The steps of an attempt since the last call. */
  async read(agent: Agent, attempt: number): Promise<readonly MessagePart[]> {
    const { host, backends } = this.#project;
    if (attempt !== this.#attempt) {
      const start = await host.outputStart(agent, attempt);
      if (start === null) return [];
      this.#attempt = attempt;
      this.#at = start;
      this.#parser = backends.get(agent.backend).makeParser({ ...agent, attempt });
    }
    const end = await this.#endOf(agent, attempt);
    const parts: MessagePart[] = [];
    while (this.#told < maxSteps) {
      const page = await host.readOutput(agent, 'stdout', this.#at, Math.min(pageBytes, end - this.#at));
      if (page.bytes.length === 0) break;
      this.#at += page.bytes.length;
      for (const activity of this.#parser?.push(page.bytes) ?? []) parts.push(...this.#tell(activity));
    }
    return parts;
  }

  /** The held text, at the end of the attempt. @param result the result that the agent itself returned */
  end(result: string | null): readonly MessagePart[] {
    const activities = this.#parser?.end() ?? [];
    const parts = activities.flatMap((activity) => this.#tell(activity));
    this.#parser = null;
    const last = this.#held;
    this.#held = null;
    if (last !== null && last.trim() !== result?.trim()) parts.push(step({ message: last }));
    return parts;
  }

  /** Where the output of the next started attempt begins. */
  async #endOf(agent: Agent, attempt: number): Promise<number> {
    for (let next = attempt + 1; next <= agent.attempt; next++) {
      const start = await this.#project.host.outputStart(agent, next);
      if (start !== null) return start;
    }
    return Number.MAX_SAFE_INTEGER;
  }

  #tell(activity: AgentActivity): readonly MessagePart[] {
    // The result comes from the session's events; the text before it is held until the result is known.
    if (this.#told >= maxSteps || activity.type === 'result' || isTraffic(activity)) return [];
    const before = this.#held === null ? [] : [step({ message: this.#held })];
    this.#held = null;
    const parts = [...before, ...this.#step(activity)];
    this.#told += parts.length;
    return parts;
  }

  #step(activity: Exclude<AgentActivity, Traffic | { type: 'result' }>): readonly MessagePart[] {
    switch (activity.type) {
      case 'text':
        this.#held = activity.text;
        return [];
      case 'tool_use':
        return [step({ tool_name: activity.tool, tool_input: { detail: activity.detail } })];
      case 'tool_result':
        return activity.ok ? [] : [step({ tool_output: { error: activity.text } })];
      case 'notice':
        return [step({ message: activity.text })];
    }
  }
}

/** Exchange between a CLI and MAOS that is not part of the agent's work. Requests have events of their own. */
type Traffic = { type: 'received' | 'permission' | 'permission_withdrawn' | 'refusal' };

function isTraffic(activity: AgentActivity): activity is Extract<AgentActivity, Traffic> {
  return ['received', 'permission', 'permission_withdrawn', 'refusal'].includes(activity.type);
}

interface Step {
  readonly message?: string;
  readonly tool_name?: string;
  readonly tool_input?: Record<string, unknown>;
  readonly tool_output?: Record<string, unknown>;
}

function step(what: Step): MessagePart {
  return { content_type: 'text/plain', metadata: { kind: 'trajectory', ...what } };
}

/** The files that a session's agents left, each as a named part, which is an artifact in the protocol. */
export async function artifactParts(
  { store, host }: Project,
  id: SessionId,
): Promise<readonly MessagePart[]> {
  const parts: MessagePart[] = [];
  let total = 0;
  for (const { path, sizeBytes } of store.artifacts(id)) {
    const type = lookup(path) ?? 'application/octet-stream';
    const isSmall = sizeBytes <= maxFileBytes && total + sizeBytes <= maxFilesBytes;
    const bytes = isSmall ? await readFile(host.readArtifact(id, path, maxFileBytes)) : null;
    if (bytes === null) {
      const where = path.split('/').map(encodeURIComponent).join('/');
      parts.push({
        name: path,
        content_type: type,
        content_url: `maos://sessions/${id}/artifacts/${where}`,
      });
      continue;
    }
    total += bytes.length;
    const isText = isUtf8(bytes) && !bytes.includes(0);
    parts.push({
      name: path,
      content_type: isText && type === 'application/octet-stream' ? 'text/plain' : type,
      content: isText ? bytes.toString('utf8') : bytes.toString('base64'),
      content_encoding: isText ? 'plain' : 'base64',
    });
  }
  return parts;
}

async function readFile(read: Promise<Uint8Array>): Promise<Buffer | null> {
  try {
    return Buffer.from(await read);
  } catch {
    // Removed or grown since it was recorded: referenced instead, like larger files.
    return null;
  }
}
