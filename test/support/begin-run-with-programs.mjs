import { setUp } from "../../scripts/setup.mjs";
import beginRun from "./begin-run.mjs";

/** Builds the programs and the environments they need, when sources changed since the last time. */
export default async function beginRunWithPrograms() {
  beginRun();
  await setUp({ tests: true });
}
