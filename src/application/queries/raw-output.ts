import type { Project } from '../project.ts';
import { grows, type LineSource, readBytes, withoutHalfCharacter } from './output-lines.ts';

/** A part of an output as it was printed, decoded as UTF-8. */
export interface RawPage {
  readonly text: string;
  /** Offset of its first byte. */
  readonly offset: number;
  /** Where the next page begins. */
  readonly nextOffset: number;
  /** Bytes printed so far. */
  readonly size: number;
  /** Nothing more has been written yet. */
  readonly atEnd: boolean;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param offset of the first byte; a negative one counts from the end */
export async function readRawOutput(
  project: Pick<Project, 'host' | 'backends'>,
  source: LineSource,
  offset: number,
  maxBytes: number,
): Promise<RawPage> {
  const { bytes, start, size } = await readBytes(project, source, offset, maxBytes);
  const mayContinue = start + bytes.length < size || grows(source);
  const whole = mayContinue ? withoutHalfCharacter(bytes) : bytes;
  const nextOffset = start + whole.length;
  return { text: decoder.decode(whole), offset: start, nextOffset, size, atEnd: nextOffset >= size };
}
