import { MaosError, quote } from '../../../domain/errors.ts';
import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';

/**
 * The model as an argument. Plans are checked; this one may have been stored by a version that did not.
 * @throws MaosError INVALID_INPUT
 */
export function checkedModel(model: string | null): string | null {
  if (model === null || modelNamePattern.test(model)) return model;
  throw new MaosError(
    'INVALID_INPUT',
    `The model ${quote(model)} cannot be used: it must be ${modelNameRule}.`,
  );
}
