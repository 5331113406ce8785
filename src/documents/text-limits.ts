/** What a text may cost before anything in it is looked at. */
export interface TextLimits {
  /** UTF-8 bytes of the whole text. */
  readonly bytesMax: number;
  /** Words and marks of YAML, roughly: each takes about 5 microseconds. Stops texts that hold nothing but brackets. */
  readonly lexemesMax: number;
  /** Nesting of mappings and lists. */
  readonly depthMax: number;
  /** How many values aliases may stand for in sum: stops documents that explode when expanded. */
  readonly aliasCountMax: number;
  /** Documents in one text. */
  readonly documentsMax: number;
}
