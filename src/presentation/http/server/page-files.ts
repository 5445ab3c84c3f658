import { open } from 'node:fs/promises';

/** Compressed with gzip, by name. */
export type PageFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const lastLine = '//page 0123456789\n'.length;

let loading: Promise<PageFiles> | null = null;

/**
 * The files of the page, which the build appends to the script of MAOS. The launcher says where that is. They are read at
 * the first request and kept. Empty where MAOS runs from its source.
 */
export function pageFiles(): Promise<PageFiles> {
  const bundle: unknown = Reflect.get(process, Symbol.for('maos.bundle'));
  if (typeof bundle !== 'string') return Promise.resolve(new Map());
  loading ??= readPage(bundle).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function readPage(bundle: string): Promise<PageFiles> {
  const file = await open(bundle);
  try {
    const { size } = await file.stat();
    const text = async (from: number, to: number): Promise<string> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
      return buffer.toString('latin1', 0, bytesRead);
    };
    const begins = /^\/\/page (\d{10})\n$/.exec(await text(Math.max(size - lastLine, 0), size))?.[1];
    if (begins === undefined) return new Map();
    const lines = (await text(Number(begins), size - lastLine)).split('\n').filter((line) => line !== '');
    return new Map(
      lines.map((line) => {
        const [comment = '', content = ''] = line.split(' ');
        return [comment.slice(2), Uint8Array.from(Buffer.from(content, 'base64'))];
      }),
    );
  } finally {
    await file.close();
  }
}
