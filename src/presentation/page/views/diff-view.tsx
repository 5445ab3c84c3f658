import { useState } from 'preact/hooks';
import { showControls } from '../../../domain/invisible-marks.ts';
import { type Agent, get, sessionPath } from '../api.ts';
import { useResource } from '../store/resource.ts';
import { type DiffFile, readDiff } from '../text/diff.ts';
import { Empty, Shown } from './parts.tsx';

interface AgentDiff {
  readonly branch: string;
  readonly base: string;
  readonly commit: string | null;
  readonly text: string;
}

/** Lines of all files together that are shown at once. */
const maxLines = 4_000;
/** A file with more is folded at first. */
const openLines = 400;
const maxLine = 2_000;

export function DiffView({ id, agent }: { readonly id: string; readonly agent: Agent }) {
  const hasWork = agent.work !== undefined;
  if (!hasWork)
    return (
      <Empty title="No changes of its own">
        <p>
          Agents with the workspace “worktree” have a branch of their own, and their changes are shown here.
        </p>
      </Empty>
    );
  return <Changes id={id} name={agent.name} agentId={agent.agent_id} />;
}

function Changes({
  id,
  name,
  agentId,
}: {
  readonly id: string;
  readonly name: string;
  readonly agentId: string;
}) {
  const loaded = useResource(
    `${id} ${name}`,
    async (signal) => {
      const diff = await get<AgentDiff>(sessionPath(id, 'diff'), { agent: name }, signal);
      return { diff, files: readDiff(diff.text) };
    },
    (event) => event.session_id === id && event.agent_id === agentId && event.type === 'work.committed',
  );
  return (
    <Shown what="changes" loaded={loaded}>
      {({ diff, files }) => {
        if (files.length === 0) return <Empty title="It has changed nothing" />;
        let left = maxLines;
        return (
          <div class="diff">
            <p class="facts small">
              <code>{diff.branch}</code>
              <span>
                from <code>{diff.base.slice(0, 12)}</code>
              </span>
              <span>
                {files.length} {files.length === 1 ? 'file' : 'files'}
              </span>
              <Counts added={sum(files, 'added')} removed={sum(files, 'removed')} />
            </p>
            {files.map((file) => {
              const isOpen = file.lines.length <= Math.min(openLines, left);
              if (isOpen) left -= file.lines.length;
              return <FileDiff key={file.name} file={file} isOpen={isOpen} />;
            })}
          </div>
        );
      }}
    </Shown>
  );
}

function sum(files: readonly DiffFile[], key: 'added' | 'removed'): number {
  return files.reduce((total, file) => total + file[key], 0);
}

function Counts({ added, removed }: { readonly added: number; readonly removed: number }) {
  return (
    <span class="number">
      <span class="tone-completed">+{added}</span> <span class="tone-failed">−{removed}</span>
    </span>
  );
}

const marks = { add: '+', remove: '−', same: ' ', hunk: '', note: '' } as const;

function FileDiff({ file, isOpen }: { readonly file: DiffFile; readonly isOpen: boolean }) {
  const [wasOpened, setOpened] = useState(isOpen);
  const shown = file.lines.slice(0, maxLines);
  return (
    <details
      class="diff-file"
      open={isOpen}
      onToggle={(event) => {
        if (event.currentTarget.open) setOpened(true);
      }}
    >
      <summary>
        <code>
          <bdi>{showControls(file.name)}</bdi>
        </code>{' '}
        <Counts added={file.added} removed={file.removed} />
      </summary>
      {wasOpened && (
        <div class="scroll-x" tabIndex={0} role="group" aria-label={`Changes of ${file.name}`}>
          <table class="diff-lines">
            <tbody>
              {shown.map((line, index) => (
                <tr key={index} class={`diff-${line.kind}`}>
                  <td class="diff-number">{line.oldLine ?? ''}</td>
                  <td class="diff-number">{line.newLine ?? ''}</td>
                  <td class="diff-mark">{marks[line.kind]}</td>
                  <td class="diff-text">
                    <bdi>{showControls(line.text.slice(0, maxLine))}</bdi>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {file.lines.length > shown.length && (
            <p class="muted small">{file.lines.length - shown.length} further lines are not shown.</p>
          )}
        </div>
      )}
    </details>
  );
}
