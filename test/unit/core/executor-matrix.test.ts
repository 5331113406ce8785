import { describe, expect, it } from "@jest/globals";
import type { CommandKind, CommandTable } from "../../../src/core/commands.ts";
import type { ExecutorState } from "../../../src/model/executor.ts";
import { type Call, Machine } from "./machine.ts";

const id = "e1";

/** A machine whose executor e1 is in a state; it has the session `s` in Binding, Bound and Unbinding, and task 1 in Bound. */
const inState: Record<ExecutorState, () => Machine> = {
  Void: () => {
    const machine = begun();
    machine.open("s");
    machine.task("s");
    return machine;
  },
  // An idle executor is bound or released at once, unless its node is lost for the moment.
  Idle: () => {
    const machine = inState.Void();
    machine.pass(machine.options.nodeSilenceMs);
    machine.ask("executor.register", { id, shim: "Host" });
    return machine;
  },
  Binding: () => {
    const machine = inState.Void();
    machine.ask("executor.register", { id, shim: "Host" });
    return machine;
  },
  Bound: () => {
    const machine = inState.Binding();
    machine.ask("executor.bindCompleted", { id, outcome: { returnCode: 0 } });
    machine.ask("executor.launch", { id });
    return machine;
  },
  Unbinding: () => {
    const machine = inState.Binding();
    machine.ask("executor.unbind", { id });
    return machine;
  },
  Releasing: () => {
    const machine = inState.Void();
    machine.ask("session.close", { id: "s" });
    machine.ask("executor.register", { id, shim: "Host" });
    return machine;
  },
};

function begun(): Machine {
  const machine = new Machine();
  machine.register("app");
  machine.node("n1");
  return machine;
}

const calls = {
  register: ["executor.register", { id, shim: "Host" }],
  bind: ["executor.bind", { id }],
  bound: ["executor.bindCompleted", { id, outcome: { returnCode: 0 } }],
  "bind failed": ["executor.bindCompleted", { id, outcome: { returnCode: 10, message: "no" } }],
  launch: ["executor.launch", { id }],
  complete: ["executor.complete", { id, outcome: { returnCode: 0 } }],
  unbind: ["executor.unbind", { id }],
  "unbind completed": ["executor.unbindCompleted", { id }],
  unregister: ["executor.unregister", { id }],
} as const satisfies Record<string, [CommandKind, CommandTable[CommandKind]["input"]]>;

/** What is answered, and the state afterwards when it changes. `refused` is INVALID_ARGUMENT. */
type Row = readonly [state: ExecutorState, call: keyof typeof calls, answer: string, to: string];

const rows: readonly Row[] = (
  [
    ["Void", "register", "ok", "Binding"],
    ["Void", "bind", "waits"],
    ["Void", "bound", "refused"],
    ["Void", "bind failed", "refused"],
    ["Void", "launch", "empty"],
    ["Void", "complete", "ok"],
    ["Void", "unbind", "refused"],
    ["Void", "unbind completed", "refused"],
    ["Void", "unregister", "ok", "gone"],

    ["Idle", "register", "ok"],
    ["Idle", "bind", "waits"],
    ["Idle", "bound", "refused"],
    ["Idle", "bind failed", "ok"],
    ["Idle", "launch", "empty"],
    ["Idle", "complete", "ok"],
    ["Idle", "unbind", "refused"],
    ["Idle", "unbind completed", "ok"],
    ["Idle", "unregister", "ok", "gone"],

    ["Binding", "register", "ok"],
    ["Binding", "bind", "session"],
    ["Binding", "bound", "ok", "Bound"],
    ["Binding", "bind failed", "ok", "Unbinding"],
    ["Binding", "launch", "refused"],
    ["Binding", "complete", "ok"],
    ["Binding", "unbind", "ok", "Unbinding"],
    // It is Idle for a moment, and its session needs it still.
    ["Binding", "unbind completed", "ok", "Binding"],
    ["Binding", "unregister", "ok", "gone"],

    ["Bound", "register", "refused"],
    ["Bound", "bind", "session"],
    ["Bound", "bound", "ok"],
    ["Bound", "bind failed", "refused"],
    ["Bound", "launch", "task"],
    ["Bound", "complete", "ok"],
    ["Bound", "unbind", "ok", "Unbinding"],
    ["Bound", "unbind completed", "refused"],
    ["Bound", "unregister", "refused"],

    ["Unbinding", "register", "refused"],
    ["Unbinding", "bind", "session"],
    ["Unbinding", "bound", "refused"],
    ["Unbinding", "bind failed", "ok"],
    ["Unbinding", "launch", "empty"],
    ["Unbinding", "complete", "ok"],
    ["Unbinding", "unbind", "ok"],
    ["Unbinding", "unbind completed", "ok", "Binding"],
    ["Unbinding", "unregister", "refused"],

    ["Releasing", "register", "ok"],
    ["Releasing", "bind", "empty"],
    ["Releasing", "bound", "refused"],
    ["Releasing", "bind failed", "refused"],
    ["Releasing", "launch", "empty"],
    ["Releasing", "complete", "ok"],
    // It may have been Bound when its task was ended from outside.
    ["Releasing", "unbind", "ok"],
    ["Releasing", "unbind completed", "ok"],
    ["Releasing", "unregister", "ok", "gone"],
  ] as [ExecutorState, keyof typeof calls, string, string?][]
).map(([state, call, answer, to]) => [state, call, answer, to ?? state]);

function answerOf({ replied, reply, error }: Call<CommandKind>): string {
  if (error !== undefined) return error.code === "invalid_state" ? "refused" : error.code;
  if (!replied) return "waits";
  if (reply === undefined) return "ok";
  if ("task" in (reply as object)) return "task";
  return "bound" in (reply as object) ? "session" : "empty";
}

describe("an executor's call in each state", () => {
  it.each(rows)("%s: %s is answered %s", (state, name, answer, to) => {
    const machine = inState[state]();
    expect(machine.executor(id)?.state).toBe(state);
    const [kind, input] = calls[name];
    expect(answerOf(machine.begin(kind, input) as Call<CommandKind>)).toBe(answer);
    expect(machine.executor(id)?.state ?? "gone").toBe(to);
  });

  it("has a row for every state and call", () => {
    const all = Object.keys(inState).flatMap((state) =>
      Object.keys(calls).map((call) => `${state} ${call}`),
    );
    expect(rows.map(([state, call]) => `${state} ${call}`)).toEqual(all);
  });

  it.each(rows.filter(([, , answer]) => answer === "refused"))(
    "%s: %s changes nothing, and the text names executor and state",
    (state, name) => {
      const machine = inState[state]();
      const before = machine.executors;
      const sessions = machine.ask("session.list", {});
      const [kind, input] = calls[name];
      const { message } = machine.refusal(kind, input);
      expect(message).toContain(`executor ${id} is ${state}`);
      expect(machine.executors).toEqual(before);
      expect(machine.ask("session.list", {})).toEqual(sessions);
      expect(machine.turn([])).toEqual([]);
    },
  );
});

describe("an executor that nobody knows walks itself to its end", () => {
  const answers: readonly (readonly [keyof typeof calls, string])[] = [
    ["register", "ok"],
    ["bind", "empty"],
    ["bound", "ok"],
    ["bind failed", "ok"],
    ["launch", "empty"],
    ["complete", "ok"],
    ["unbind", "ok"],
    ["unbind completed", "ok"],
    ["unregister", "ok"],
  ];
  it.each(answers)("%s is answered %s", (name, answer) => {
    const [kind, input] = calls[name];
    expect(answerOf(begun().begin(kind, input) as Call<CommandKind>)).toBe(answer);
  });
});

describe("a call that is repeated because its reply was lost", () => {
  it("BindExecutor answers the same session again", () => {
    const machine = inState.Binding();
    const first = machine.ask("executor.bind", { id });
    expect(machine.ask("executor.bind", { id })).toEqual(first);
  });

  it("LaunchTask answers the same task with the same attempt, without another event", () => {
    const machine = inState.Bound();
    const { task } = machine.ask("executor.launch", { id });
    expect(machine.ask("executor.launch", { id }).task).toEqual(task);
    expect(task?.attempt).toBe(1);
    expect(task?.events.map(({ code }) => code)).toEqual([0, 1]);
  });

  it("a newer waiting call ends the older one with ABORTED", () => {
    const machine = inState.Void();
    const older = machine.begin("executor.bind", { id });
    const newer = machine.begin("executor.bind", { id });
    expect(older.error?.code).toBe("aborted");
    expect(newer.replied).toBe(false);
    machine.ask("executor.register", { id, shim: "Host" });
    expect(newer.reply?.bound?.session.record.id).toBe("s");
  });

  it("a newer LaunchTask ends the older one with ABORTED, and gets the task", () => {
    const machine = inState.Bound();
    machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
    const older = machine.begin("executor.launch", { id });
    const newer = machine.begin("executor.launch", { id });
    expect(older.error?.code).toBe("aborted");
    machine.task("s");
    expect(newer.reply?.task?.id).toBe(2);
  });

  it("an older LaunchTask whose cancellation comes late takes nothing from the newer one", () => {
    const machine = inState.Bound();
    machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
    const older = machine.begin("executor.launch", { id });
    const newer = machine.begin("executor.launch", { id });
    machine.cancel(older);
    machine.task("s");
    expect(newer.reply?.task?.id).toBe(2);
  });

  it("a LaunchTask that still waits when its executor unbinds gets no task any more", () => {
    const machine = inState.Bound();
    machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
    const dead = machine.begin("executor.launch", { id });
    machine.ask("executor.unbind", { id });
    expect(dead.reply).toEqual({});
    expect(machine.task("s").state).toBe("Pending");
    expect(machine.state.executors.find(id)?.taskId).toBeUndefined();
  });
});
