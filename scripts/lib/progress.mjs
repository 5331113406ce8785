import process from "node:process";

/** A fault that the person at the keyboard can act on: printed as text, without a stack. */
export class SetupError extends Error {}

/** How often a step that takes long says that it is still at work. */
const heartbeatMs = 15_000;

const say = (text) => process.stderr.write(`set-up: ${text}\n`);

/**
 * Says what is being done, that it is still being done, and how long it took.
 * @param {string} title what the step does, as a person would say it
 * @param {() => Promise<void> | void} work
 */
export async function announce(title, work) {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  say(`${title} ...`);
  const heartbeat = setInterval(
    () => say(`${title}: still at work after ${seconds()} s`),
    heartbeatMs,
  );
  try {
    await work();
    say(`${title}: done in ${seconds()} s`);
  } finally {
    clearInterval(heartbeat);
  }
}

/** One line about something found or decided. */
export const note = say;

/** Runs a program's main function; a SetupError becomes one message and exit code 1. */
export async function runMain(main) {
  try {
    const code = await main();
    if (typeof code === "number") process.exitCode = code;
  } catch (failure) {
    const text = failure instanceof SetupError ? failure.message : (failure?.stack ?? failure);
    process.stderr.write(`Error: ${text}\n`);
    process.exitCode = 1;
  }
}
