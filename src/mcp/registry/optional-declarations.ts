/** A provider whose tools belong to a set, by which connections choose. */
export interface InToolSet {
  readonly toolSet: string;
}

/** A provider whose tools, resources and prompts are only there when a setting says so. */
export interface OptionalDeclarations {
  /** False: what the provider declares is not offered. */
  readonly offered: boolean;
}
