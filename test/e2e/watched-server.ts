import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordingClaude } from '../helpers/recording-claude.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';
import { HttpProcess } from './http-process.ts';

/** A server that logs all it can, and whose agents write down their arguments and their environment. */
export interface Watched {
  readonly folder: MaosFolder;
  readonly server: HttpProcess;
  readonly token: string;
  /** The header. */
  readonly authorization: string;
  remove(): Promise<void>;
}

export async function watchedServer(): Promise<Watched> {
  const folder = await MaosFolder.make();
  mkdirSync(folder.home, { mode: 0o700 });
  const claude = recordingClaude(folder.project);
  const recorder = readFileSync(claude, 'utf8').replace(
    'cat >/dev/null',
    'env >"$MAOS_WORKSPACE/environment"; cat >/dev/null',
  );
  writeFileSync(claude, recorder, { mode: 0o755 });
  const config = { backends: { claude: { path: claude } }, allowCommands: ['echo allowed'] };
  writeFileSync(join(folder.home, 'config.json'), JSON.stringify(config));
  const ends: (() => unknown)[] = [];
  const server = await HttpProcess.start({ after: (end: () => unknown) => void ends.push(end) }, folder, {
    env: { MAOS_LOG: 'trace' },
  });
  const { token } = await folder.json<{ token: string }>('token');
  const remove = async (): Promise<void> => {
    for (const end of ends) await end();
    await folder.remove();
  };
  return { folder, server, token, authorization: `Authorization: Bearer ${token}`, remove };
}
