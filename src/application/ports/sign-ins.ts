/**
 * Browsers that are signed in to HTTP mode. Each holds a secret in a cookie, which is valid for seven days, also after
 * a restart, until it signs out or the token of HTTP mode is replaced.
 */
export interface SignIns {
  /** @returns the secret for the cookie @throws MaosError FORBIDDEN, RESOURCE_LIMIT_EXCEEDED, CONFIG_INVALID */
  begin(): Promise<string>;
  /** @throws MaosError when the sign-in or the token cannot be read */
  isValid(secret: string): boolean;
  /** Does nothing if the secret is not valid. */
  end(secret: string): void;
}

export const signInDays = 7;
