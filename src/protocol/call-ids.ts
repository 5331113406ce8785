/** Where messages keep the ids that logs and the audit log name. */
interface Identified {
  readonly sessionId?: string;
  readonly taskId?: string;
  readonly executorId?: string;
  readonly nodeName?: string;
  readonly name?: string;
  readonly metadata?: { readonly id?: string };
  readonly session?: { readonly metadata?: { readonly id?: string } };
  readonly task?: {
    readonly sessionId?: string;
    readonly metadata?: { readonly id?: string };
    readonly spec?: { readonly sessionId?: string };
  };
  readonly node?: { readonly metadata?: { readonly name?: string } };
}

/** What a call is about. */
export interface CallIds {
  readonly session?: string | undefined;
  readonly task?: string | undefined;
  readonly executor?: string | undefined;
  readonly node?: string | undefined;
  readonly name?: string | undefined;
}

/** The ids of a request and its reply; what one does not say the other may. */
export function callIds(request: unknown, reply: unknown): CallIds {
  const asked = (request ?? {}) as Identified;
  const told = (reply ?? {}) as Identified;
  return {
    session:
      asked.sessionId ??
      asked.task?.sessionId ??
      told.session?.metadata?.id ??
      told.task?.spec?.sessionId,
    // CreateTask alone asks with a task, and its reply is that task.
    task:
      asked.taskId ??
      told.task?.metadata?.id ??
      (asked.task === undefined ? undefined : told.metadata?.id),
    executor: asked.executorId,
    node: asked.nodeName ?? asked.node?.metadata?.name,
    name: asked.name,
  };
}
