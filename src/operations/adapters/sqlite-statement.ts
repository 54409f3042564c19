/** A compiled statement with its parameters and row type. */
export interface Statement<Parameters extends unknown[], Row> {
  readonly source: string;
  run(...parameters: Parameters): { readonly changes: number };
  get(...parameters: Parameters): Row | undefined;
  all(...parameters: Parameters): Row[];
  iterate(...parameters: Parameters): IterableIterator<Row>;
}
