/* Addresses of remote repositories that may go from one machine to another. */

/** `https://HOST/PATH`, `git://…`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH`: nothing that git would run or look for on a disk. */
const plainUrl =
  /^(?:(?:https|git):\/\/|ssh:\/\/(?:[A-Za-z0-9_][\w.-]*@)?)[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/[\w.~+/-]+$/;
const scpUrl = /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[\w.~+/-]+$/;
const maxLength = 500;

/** Whether it is an address over a network, with no secret and no step upwards in it. */
export function isRemoteUrl(url: string): boolean {
  if (url.length > maxLength || (!plainUrl.test(url) && !scpUrl.test(url))) return false;
  return !/(?:^|[/:])\.\.?(?:\/|$)/.test(url);
}

/** Without user and password, which belong to this machine; of ssh, the user is part of the address. Null: not to be told. */
export function withoutSecrets(url: string): string | null {
  const plain = url
    .replace(/^((?:https|git):\/\/)[^/@]*@/, '$1')
    .replace(/^(ssh:\/\/[^/@:]*):[^/@]*@/, '$1@');
  return isRemoteUrl(plain) ? plain : null;
}

/** Whether one of these beginnings allows a repository's address. One ends where a part of the address does. */
export function isBelow(url: string, beginnings: readonly string[]): boolean {
  return beginnings.some(
    (beginning) => url === beginning || url.startsWith(/[/:]$/.test(beginning) ? beginning : `${beginning}/`),
  );
}
