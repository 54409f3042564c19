/** The part of OpenAPI 3.0's schemas that our own document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/**
 * Where a value is not what the schema says. Stricter than the standard: a member that is not described is a
 * mistake, too, because a document that leaves members out is not true.
 */
export function deviations(
  value: unknown,
  schema: Schema,
  known: Readonly<Record<string, Schema>>,
  at = '$',
): string[] {
  const check = (item: unknown, itemSchema: Schema, place = at): string[] =>
    deviations(item, itemSchema, known, place);
  if (schema.$ref !== undefined) return check(value, known[schema.$ref.split('/').at(-1)!]!);
  if (!schema.type && !schema.allOf && !schema.oneOf && !schema.enum && !schema.properties) return [];
  if (value === null) return schema.nullable ? [] : [`${at} is null`];
  if (schema.allOf) return schema.allOf.flatMap((part) => check(value, part));
  if (schema.oneOf) {
    return schema.oneOf.some((part) => check(value, part).length === 0) ? [] : [`${at} is none of oneOf`];
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is not in the enum`];
  if (schema.type !== undefined && !typesOf(value).includes(schema.type))
    return [`${at} is no ${schema.type}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => check(item, schema.items ?? {}, `${at}[${index}]`));
  }
  if (typeof value !== 'object') return [];
  const missing = (schema.required ?? []).filter((name) => !(name in value));
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      const described = schema.properties?.[name] ?? schema.additionalProperties;
      if (described === undefined || described === false) return [`${at}.${name} is not described`];
      return described === true ? [] : check(member, described, `${at}.${name}`);
    }),
  ];
}

function typesOf(value: unknown): string[] {
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number') return Number.isInteger(value) ? ['number', 'integer'] : ['number'];
  return [typeof value];
}
