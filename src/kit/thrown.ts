/**
 * What a caught value says, read by its properties: system errors come from another realm than test code,
 * so `instanceof Error` does not recognise them there.
 */
export function codeOf(thrown: unknown): string | number | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  const { code } = thrown;
  return typeof code === "string" || typeof code === "number" ? code : undefined;
}

/** The message of a caught value, or its text form when it has none. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === "object" && thrown !== null && "message" in thrown) {
    const { message } = thrown;
    if (typeof message === "string") return message;
  }
  return String(thrown);
}
