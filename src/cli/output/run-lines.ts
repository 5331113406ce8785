/** The lines that flmping and flmexec print around what they ran, as the published tools word them. */

/** `30,000`; without the tables of languages, which take a tool longer to load than some hundred tasks. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** Said when the session is there, before its tasks are created. */
export function openingLine(sessionId: string, elapsedMs: number, taskCount: number): string {
  return (
    `Session <${sessionId}> was created in <${grouped(Math.round(elapsedMs))} ms>, ` +
    `start to run <${grouped(taskCount)}> tasks in the session:\n\n`
  );
}

/** Said when every task has ended. */
export function completionLine(taskCount: number, elapsedMs: number): string {
  return `\n\n<${grouped(taskCount)}> tasks was completed in <${grouped(Math.round(elapsedMs))} ms>.\n\n`;
}
