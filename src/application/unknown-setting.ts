import { MaosError, quote } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';

/** For a key that no setting has. @param known the keys of all settings */
export function unknownSetting(key: string, known: readonly string[]): MaosError {
  const inGroup = known.filter((name) => name.startsWith(`${key}.`));
  const meant = nearest(key, known);
  const hint =
    inGroup.length > 0
      ? `It is a group of settings: ${inGroup.join(', ')}.`
      : meant === null
        ? "'maos config' lists them."
        : `Did you mean ${meant}?`;
  const shown = /^[\w.-]{1,80}$/.test(key) ? key : quote(key);
  return new MaosError('INVALID_INPUT', `${shown} is not a setting. ${hint}`, { details: { key } });
}
