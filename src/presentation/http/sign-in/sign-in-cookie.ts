import { createHash } from 'node:crypto';
import { signInDays } from '../../../application/ports/sign-ins.ts';

/**
 * The cookie of a browser that is signed in. Browsers send cookies to every port of a host, so the name differs for each
 * home: signing in to one MAOS does not sign out of another.
 */
export class SignInCookie {
  readonly name: string;

  /** @param home the folder of all state */
  constructor(home: string) {
    this.name = `maos_${createHash('sha256').update(home).digest('hex').slice(0, 8)}`;
  }

  /**
   * The values in a Cookie header. There may be several, because a page of another port can set one of the same name
   * for a path; the first few count.
   */
  valuesIn(header: string | undefined): readonly string[] {
    const start = `${this.name}=`;
    const values = (header ?? '').split(';').map((pair) => pair.trim());
    return values
      .filter((pair) => pair.startsWith(start))
      .slice(0, mostValues)
      .map((pair) => pair.slice(start.length));
  }

  /** A Set-Cookie header. @param isSecure whether the browser uses https */
  set(secret: string, isSecure: boolean): string {
    return this.#header(secret, signInDays * 86_400, isSecure);
  }

  /** A Set-Cookie header that removes it. */
  remove(isSecure: boolean): string {
    return this.#header('', 0, isSecure);
  }

  #header(value: string, maxAge: number, isSecure: boolean): string {
    const secure = isSecure ? '; Secure' : '';
    return `${this.name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${maxAge}${secure}`;
  }
}

const mostValues = 4;
