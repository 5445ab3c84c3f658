import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';

export type Json = Readonly<Record<string, unknown>>;

export interface ParameterObject {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required: boolean;
  readonly schema: Json;
}

type Content = Readonly<Record<string, { readonly schema: Json }>>;

export interface OperationObject {
  readonly operationId: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly headers?: Content; readonly content?: Content }>
  >;
}

/** The part of an OpenAPI 3.1 document that MAOS's uses. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

/** Validates values against a document's schemas, with a validator that is independent of MAOS's. */
export class DocumentSchemas {
  readonly #ajv = new AjvJsonSchemaValidator();
  readonly #definitions: Json;
  readonly #checks = new Map<string, (value: unknown) => string | null>();

  constructor({ components }: OpenApiDocument) {
    this.#definitions = withinSchema(components.schemas);
  }

  /** A schema with everything that it refers to. */
  whole(schema: Json): Json {
    return { ...withinSchema(schema), $defs: this.#definitions };
  }

  /** @returns what is wrong with the value; null if nothing is */
  problem(schema: Json, value: unknown): string | null {
    const key = JSON.stringify(schema);
    const check = this.#checks.get(key) ?? this.#compile(schema);
    this.#checks.set(key, check);
    return check(value);
  }

  #compile(schema: Json): (value: unknown) => string | null {
    const validate = this.#ajv.getValidator(this.whole(schema));
    return (value) => {
      const { valid, errorMessage } = validate(value);
      return valid ? null : errorMessage;
    };
  }
}

/** Rewrites references into the document as references within one schema. */
function withinSchema(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"#/$defs/')) as Json;
}
