/**
 * The value with a snake_case key for each camelCase key of its objects, in front of it: `durationMs` was published, and
 * `duration_ms` is how all other documents are spelt.
 */
export function withSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  const keys = new Set(Object.keys(value));
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]) => {
      const converted = withSnakeCase(field);
      const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return snake === key || keys.has(snake) || !/^[a-z][A-Za-z0-9]*$/.test(key)
        ? [[key, converted]]
        : [
            [snake, converted],
            [key, converted],
          ];
    }),
  );
}
