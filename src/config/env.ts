/** The environment of a process, read once at its entry and handed in everywhere else. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A frozen copy of the process's environment: the only reader of `process.env`. */
export function readEnv(): Env {
  return Object.freeze({ ...process.env });
}

/** A variable's value; empty counts as unset. */
export function envValue(env: Env, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
