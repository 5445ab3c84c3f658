import type { UnreadProject } from '../../../application/runtime.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Terminal } from './terminal.ts';

/** On stderr, in a line for each: projects that are missing in what a command says. */
export function noticeUnread(unread: readonly UnreadProject[], terminal: Pick<Terminal, 'notice'>): void {
  for (const { file, path, error } of unread) {
    terminal.notice(
      `Could not read the project ${showName(path ?? `of ${file}`)}: ${oneLine(error.message)} (${error.code})`,
    );
  }
}

/** The same for programs. */
export function unreadViews(unread: readonly UnreadProject[]): readonly object[] {
  return unread.map(({ file, path, error }) => ({
    file,
    project: path,
    code: error.code,
    message: error.message,
  }));
}
