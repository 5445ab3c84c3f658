import { useEffect, useState } from 'preact/hooks';
import type { SessionEvent } from '../api.ts';
import type { Loaded } from './store.ts';
import { listen } from './stream.ts';
import { Throttle } from './throttle.ts';

/**
 * What one view needs from the server, read again when an event concerns it, and when the stream has been interrupted.
 * @param key changes with what is to be read; what was read for another key is never shown
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  concerns: (event: SessionEvent) => boolean = () => false,
): Loaded<T> & { readonly reload: () => void } {
  const [state, setState] = useState<Loaded<T> & { key: string; reload: () => void }>(() => ({
    ...{ key, value: null, error: null },
    reload: () => {},
  }));
  useEffect(() => {
    const ending = new AbortController();
    const throttle = new Throttle(1_000, async () => {
      try {
        const value = await load(ending.signal);
        if (!ending.signal.aborted) setState({ key, value, error: null, reload });
      } catch (error) {
        if (ending.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        setState((before) => ({
          key,
          value: before.key === key ? before.value : null,
          error: message,
          reload,
        }));
      }
    });
    const reload = (): void => throttle.ask();
    reload();
    const stop = listen({
      events: (events) => {
        if (events.some(concerns)) reload();
      },
      snapshot: reload,
    });
    return () => {
      ending.abort();
      throttle.stop();
      stop();
    };
  }, [key]);
  return state.key === key ? state : { ...state, value: null, error: null };
}
