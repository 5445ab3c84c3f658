import { MaosError, quote } from '../../../domain/errors.ts';
import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';

/**
 * Validates the model as an argument. Plans are validated, but an earlier version may have stored this one without.
 * @throws MaosError INVALID_INPUT
 */
export function checkedModel(model: string | null): string | null {
  if (model === null || modelNamePattern.test(model)) return model;
  throw new MaosError(
    'INVALID_INPUT',
    `The model ${quote(model)} cannot be used: it must be ${modelNameRule}.`,
  );
}
