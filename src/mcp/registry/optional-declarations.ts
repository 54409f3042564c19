/** A provider whose tools belong to a set, which connections can select. */
export interface InToolSet {
  readonly toolSet: string;
}

/** A provider whose tools, resources and prompts depend on a setting. */
export interface OptionalDeclarations {
  /** False: the provider's declarations are not offered. */
  readonly offered: boolean;
}
