import type { UnreadProject } from '../../../application/runtime.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Terminal } from './terminal.ts';

/** Lists on stderr the projects that a command's output lacks because they could not be read. */
export function noticeUnread(unread: readonly UnreadProject[], terminal: Pick<Terminal, 'notice'>): void {
  for (const { path, error } of unread) {
    terminal.notice(
      `Could not read ${path === null ? 'a project' : `the project ${showName(path)}`}: ${oneLine(error.message)}`,
    );
  }
}

/** The same as JSON. */
export function unreadViews(unread: readonly UnreadProject[]): readonly object[] {
  return unread.map(({ file, path, error }) => ({
    file,
    project: path,
    code: error.code,
    message: error.message,
  }));
}
