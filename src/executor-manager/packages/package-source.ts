/** Lists of packages are resolved anew each day of UTC. */
export const DAY_MS = 86_400_000;

/** What an application says about its package. */
export interface PackageSource {
  /** The application's name, for logs and errors. */
  readonly application: string;
  /** As registered; undefined: the application has no package. */
  readonly url: string | undefined;
  /** As registered; undefined: by what lies behind the url. */
  readonly installer: string | undefined;
  /** Of the application, then of the session. */
  readonly packages: readonly string[];
  /** A moment of the UTC day of the session's creation, in Unix milliseconds; undefined: no session yet, or no packages. */
  readonly since: number | undefined;
  readonly environments: Readonly<Record<string, string>>;
  /** Command and arguments, unexpanded. */
  readonly commandLine: readonly string[];
}
