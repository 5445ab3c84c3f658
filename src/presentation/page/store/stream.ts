import { signal } from '@preact/signals';
import { eventTypes } from '../../../domain/events.ts';
import { get, type SessionEvent, type Snapshot } from '../api.ts';

/** `waiting`: for so short that nobody needs to know. */
type Connection = 'waiting' | 'live' | 'lost';

export const connection = signal<Connection>('waiting');

interface Listener {
  /** The events since the last frame, in order. */
  events?(batch: readonly SessionEvent[]): void;
  /** Everything may have changed: there is no knowing which events were missed. */
  snapshot?(snapshot: Snapshot): void;
}

const listeners = new Set<Listener>();

/** @returns a function that ends it */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** How long a stream may be interrupted before the page says so. */
const patienceMs = 2_000;
const retryMs = 2_000;
/** Events are collected, because a burst of them would otherwise draw the page once for each. */
const batchMs = 100;

let source: EventSource | null = null;
let batch: SessionEvent[] = [];
let isScheduled = false;
let patience: ReturnType<typeof setTimeout> | null = null;
let retry: ReturnType<typeof setTimeout> | null = null;

export function openStream(): void {
  source?.close();
  if (retry !== null) clearTimeout(retry);
  source = new EventSource('/events?all=true');
  source.addEventListener('open', isLive);
  source.addEventListener('error', isInterrupted);
  source.addEventListener('snapshot', (message) => {
    isLive();
    batch = [];
    const snapshot = JSON.parse(message.data) as Snapshot;
    for (const listener of listeners) listener.snapshot?.(snapshot);
  });
  for (const type of eventTypes) source.addEventListener(type, onEvent);
}

export function closeStream(): void {
  source?.close();
  if (retry !== null) clearTimeout(retry);
  if (patience !== null) clearTimeout(patience);
}

function onEvent(message: MessageEvent<string>): void {
  batch.push(JSON.parse(message.data) as SessionEvent);
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(() => requestAnimationFrame(pass), batchMs);
  // No frames are drawn while the page is hidden.
  if (document.hidden) setTimeout(pass, batchMs);
}

function pass(): void {
  if (batch.length === 0) {
    isScheduled = false;
    return;
  }
  const passed = batch;
  batch = [];
  isScheduled = false;
  for (const listener of listeners) listener.events?.(passed);
}

function isLive(): void {
  if (patience !== null) clearTimeout(patience);
  patience = null;
  connection.value = 'live';
}

/** The browser connects again by itself, from the last event on, unless the server refused. */
function isInterrupted(): void {
  patience ??= setTimeout(() => {
    connection.value = 'lost';
  }, patienceMs);
  if (source?.readyState !== EventSource.CLOSED) return;
  retry = setTimeout(openStream, retryMs);
  // The browser does not tell why. The answer to any other request does, if it is that the sign-in has ended.
  get('/api/overview').catch(() => {});
}
