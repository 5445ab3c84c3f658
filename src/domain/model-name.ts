/**
 * A model's name as providers write them. It becomes a word of a CLI's command line, so it must not begin with a dash,
 * like an option, or contain white space or control characters.
 */
export const modelNamePattern = /^[^\s\p{C}-][^\s\p{C}]{0,199}$/u;

/** Completes "it must be". */
export const modelNameRule = "a model's name: at most 200 characters without spaces, not beginning with '-'";
