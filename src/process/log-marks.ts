const HEAD = "### flame ";
const taskPrefix = "task ";
const TASK_MARK = /^### flame \S+ task (\d+) (begins|goes on|ends)\s*$/;

/** A line of ours among those of a program: when, and what happened. */
export function markLine(nowMs: number, text: string): string {
  return `${HEAD}${new Date(nowMs).toISOString()} ${text}\n`;
}

/** What tells that the lines below belong to a task. */
export const taskTitle = (taskId: string): string => `${taskPrefix}${taskId}`;

/** The other way round; undefined for a title of something else. */
export function taskOfTitle(title: string | undefined): string | undefined {
  return title?.startsWith(taskPrefix) === true ? title.slice(taskPrefix.length) : undefined;
}

/** True for a line that {@link markLine} made, or that looks like one. */
export function isMark(line: Buffer): boolean {
  return line.subarray(0, HEAD.length).toString("latin1") === HEAD;
}

/** The task that the lines below a mark belong to; null when none is meant, undefined when it changes nothing. */
export function taskAfter(mark: Buffer): string | null | undefined {
  const [, taskId, what] = TASK_MARK.exec(mark.toString("utf8")) ?? [];
  if (taskId === undefined) return undefined;
  return what === "ends" ? null : taskId;
}
