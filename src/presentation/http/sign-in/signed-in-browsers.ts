import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Runtime } from '../../../application/runtime.ts';
import { SignInCookie } from './sign-in-cookie.ts';

type BrowserRuntime = Pick<Runtime, 'signIns' | 'isOtherUsers' | 'log' | 'home'>;

/** How often to check whether a sign-in has ended whose streams must be closed. */
const lookMs = 1_000;

/** Checks the cookies of browsers, and closes responses that are under way when their sign-in ends. */
export class SignedInBrowsers {
  readonly #runtime: BrowserRuntime;
  readonly #cookie: SignInCookie;
  readonly #others = new WeakMap<Socket, Promise<boolean>>();
  readonly #open = new Map<string, Set<ServerResponse>>();

  /** @param ending aborts when the server ends */
  constructor(runtime: BrowserRuntime, ending: AbortSignal) {
    this.#runtime = runtime;
    this.#cookie = new SignInCookie(runtime.home);
    const timer = setInterval(() => void this.#cutEnded(), lookMs).unref();
    ending.addEventListener('abort', () => clearInterval(timer));
  }

  /** The secret of a valid sign-in; null if there is none. Not cached, so that signing out counts at once. */
  secretIn(cookies: string | undefined): Promise<string | null> {
    return this.#firstValid(this.#cookie.valuesIn(cookies));
  }

  /**
   * Whether a connection is of another user of this machine, who may have seen a link among the arguments of the program
   * that opened it, or a cookie that the browser sent to a server of theirs.
   */
  isOtherUsers(socket: Socket): Promise<boolean> {
    const known = this.#others.get(socket) ?? this.#runtime.isOtherUsers(socket);
    this.#others.set(socket, known);
    return known;
  }

  /** Closes the connection of this response if the sign-in ends before it does. */
  follow(secret: string, response: ServerResponse): void {
    const open = this.#open.get(secret) ?? new Set();
    this.#open.set(secret, open.add(response));
    response.once('close', () => {
      open.delete(response);
      if (open.size === 0 && this.#open.get(secret) === open) this.#open.delete(secret);
    });
  }

  async #firstValid(secrets: readonly string[]): Promise<string | null> {
    if (secrets.length === 0) return null;
    try {
      const signIns = await this.#runtime.signIns();
      return secrets.find((secret) => signIns.isValid(secret)) ?? null;
    } catch (error) {
      this.#runtime.log('error', 'cannot check whether a browser is signed in; it is refused', { error });
      return null;
    }
  }

  async #cutEnded(): Promise<void> {
    for (const [secret, responses] of [...this.#open]) {
      if ((await this.#firstValid([secret])) !== null) continue;
      for (const response of [...responses]) response.destroy();
    }
  }
}
