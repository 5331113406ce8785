/** A word for bash and zsh. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A word for PowerShell and elvish: a quote within is doubled. */
export function doubledQuotes(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A word for fish. */
export function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
