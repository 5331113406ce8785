import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** What is costly to make and good for every checkout of this user. */
export const cacheFolder = () =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "flame-ts");

/** Where a home of the given prefix keeps things. */
export const homePaths = (home) => ({
  home,
  bin: join(home, "bin"),
  lib: join(home, "lib/flame"),
  sdk: join(home, "sdk/python"),
  share: join(home, "share"),
  wheels: join(home, "wheels"),
  flmrun: join(home, "work/flmrun"),
  venvs: join(home, "venvs"),
  stamps: join(home, "lib/stamps"),
  logs: join(home, "logs/set-up"),
});
