/** A field that holds any JSON, in OpenAPI 3.0, which has no type of that name. */
export const ANY_JSON = {
  description: 'Any JSON',
  nullable: true,
  oneOf: [
    { type: 'object', additionalProperties: true },
    { type: 'array', items: {} },
    { type: 'string' },
    { type: 'number' },
    { type: 'boolean' },
  ],
};
