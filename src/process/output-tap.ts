/** Told of one output of a program, piece by piece, while it comes. */
export interface OutputTap {
  /** @param title of the section that the piece belongs to, if there is one */
  came(chunk: Buffer, title: string | undefined): void;
  /** Some of a section that was to end has not been read yet: {@link ended} follows when it has. */
  behind(): void;
  /** A section has ended, or the output: a line without an end is one. */
  ended(): void;
}

export interface OutputTaps {
  readonly out: OutputTap;
  readonly err: OutputTap;
}
