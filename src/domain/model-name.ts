/**
 * A model's name as every provider writes them. It becomes a word of a CLI's command line: one that begins with a dash
 * would be an option there, and white space or control characters have no place in any.
 */
export const modelNamePattern = /^[^\s\p{C}-][^\s\p{C}]{0,199}$/u;

/** To follow 'it must be'. */
export const modelNameRule = "a model's name: at most 200 characters without spaces, not beginning with '-'";
