import { randomUUID } from "node:crypto";
import process from "node:process";

/**
 * Names this run of the tests. Every child process inherits the name, directly or in its FLAME_HOME, so
 * that the end of the run can tell whether any of them was left behind.
 */
export default function beginRun() {
  process.env.FLAME_TEST_RUN ??= randomUUID().slice(0, 8);
}
