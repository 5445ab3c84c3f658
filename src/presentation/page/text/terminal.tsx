import { segments } from './clean.ts';

/** What a program printed: with its colours, and nothing that could hide or reorder text. */
export function Terminal({ text }: { readonly text: string }) {
  return (
    <pre class="terminal" dir="auto" tabIndex={0}>
      {segments(text).map((segment) =>
        segment.classes === '' ? segment.text : <span class={segment.classes}>{segment.text}</span>,
      )}
    </pre>
  );
}
