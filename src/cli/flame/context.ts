import type { CliContext } from "../context.ts";
import type { HomeData } from "./home-data.ts";

/** What `flame` needs beside the usual. */
export interface FlameContext extends Pick<CliContext, "terminal" | "env" | "clock"> {
  /** Folder of the built programs, for a home without launchers of its own. */
  readonly programsFolder: string;
  /** Resolves when the program is told to end (SIGINT, SIGTERM, SIGHUP). */
  readonly interrupted: () => Promise<void>;
  readonly signal: (pid: number, signal: "SIGTERM") => void;
  /** What the daemons' rooms know about their data. */
  readonly data: HomeData;
}
