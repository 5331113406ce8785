import { beforeEach, describe, expect, it } from "@jest/globals";
import { serviceCrashCode, type TaskRecord } from "../../../src/model/task.ts";
import { gib, Machine } from "./machine.ts";

const size = { cpu: 1, memory: 8 * gib, gpu: 0 };

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  machine.register("strict", { max_crashes: 2, max_lost_nodes: 3 });
});

const stored = (): TaskRecord => machine.tables.task("s", 1)!;

/** The executor that is made for the task begins it; tells its id. The node comes up first, if it is away. */
function begin(): string {
  if (machine.executors.length === 0) machine.node("n1", size);
  const id = machine.executors.at(-1)?.split(" ")[0] ?? "none";
  machine.walk(id, "Bound");
  expect(machine.ask("executor.launch", { id }).task?.id).toBe(1);
  return id;
}

function open(application: string): void {
  machine.node("n1", size);
  machine.open("s", { application });
  machine.task("s");
}

/** The node registers without the executor: its executor manager was killed and started again. */
function restartNode(): void {
  machine.node("n1", size);
}

describe("a node that dies under a task", () => {
  it("counts, and fails the task at the tenth time with the list of its attempts", () => {
    open("app");
    for (let attempt = 1; attempt <= 10; attempt++) {
      expect(stored()).toMatchObject({ state: "Pending", lostNodes: attempt - 1, crashes: 0 });
      begin();
      restartNode();
    }
    expect(stored()).toMatchObject({ state: "Failed", lostNodes: 10, crashes: 0, attempt: 10 });
    const { code, message } = stored().events.at(-1)!;
    expect(code).toBe(3);
    expect(message).toMatch(/^node n1 came back without its executor; the task is given up: /);
    expect(message).toContain("its node may be lost 10 times (max_lost_nodes)");
    for (let attempt = 1; attempt <= 10; attempt++) expect(message).toContain(`${attempt}. until `);
  });

  it("counts as well when it does not come back", () => {
    open("strict");
    for (let attempt = 1; attempt <= 3; attempt++) {
      begin();
      machine.pass(15_000 + 30_000);
      expect(stored()).toMatchObject({ lostNodes: attempt });
    }
    expect(stored().state).toBe("Failed");
    expect(stored().events.at(-1)?.message).toContain(
      "node n1 was lost for 30 s (lost node 2 of 3)",
    );
  });

  it("does not count for tasks that had not begun", () => {
    open("strict");
    machine.walk("e1", "Bound");
    restartNode();
    expect(stored()).toMatchObject({ state: "Pending", lostNodes: 0, attempt: 0 });
  });
});

describe("a service that dies under a task", () => {
  it("fails it at the limit of its application, with the list of attempts, lost nodes among them", () => {
    open("strict");
    const crash = (id: string, message: string): void => {
      machine.ask("executor.complete", { id, outcome: { returnCode: serviceCrashCode, message } });
    };
    const first = begin();
    crash(first, "signal SIGKILL");
    expect(stored()).toMatchObject({ state: "Pending", crashes: 1 });
    machine.ask("executor.launch", { id: first });
    restartNode();
    crash(begin(), "x".repeat(20_000));
    expect(stored()).toMatchObject({ state: "Failed", crashes: 2, lostNodes: 1, attempt: 3 });
    const { message } = stored().events.at(-1)!;
    expect(message.length).toBeLessThan(16_384);
    expect(message).toMatch(/^the service crashed on node n1: xxx/);
    expect(message).toContain("its service may crash 2 times (max_crashes)");
    expect(message).toMatch(
      /1\. until \d{4}-\S+Z: the service crashed on node n1: signal SIGKILL \(crash 1 of 2\); 2\. /,
    );
    expect(message).toMatch(
      /2\. until \S+Z: node n1 came back without its executor \(lost node 1 of 3\); 3\. until /,
    );
  });
});

describe("what is nobody's fault does not count, however often it happens:", () => {
  const often = 12;

  it.each([
    ["a node that stops in order", () => machine.ask("node.release", { name: "n1" })],
    [
      "a drain: the executor leaves its session",
      (id: string) => {
        machine.ask("executor.unbind", { id });
        machine.ask("executor.unbindCompleted", { id });
        machine.ask("node.release", { name: "n1" });
      },
    ],
  ])("%s", (_what, end) => {
    open("strict");
    for (let time = 0; time < often; time++) end(begin());
    expect(stored()).toMatchObject({ state: "Pending", lostNodes: 0, crashes: 0, attempt: often });
    machine.ask("executor.complete", { id: begin(), outcome: { returnCode: 0 } });
    expect(stored().state).toBe("Succeed");
  });

  it("restarts of the session manager", async () => {
    open("strict");
    const id = begin();
    for (let time = 0; time < often; time++) {
      await machine.restart();
      machine.pass(20_000);
      machine.node("n1", size, [id], { state: "Bound" });
    }
    expect(stored()).toMatchObject({ state: "Running", lostNodes: 0, attempt: 1 });
    machine.ask("executor.complete", { id, outcome: { returnCode: 0 } });
    expect(stored().state).toBe("Succeed");
  });
});

it("the count of lost nodes survives a restart", async () => {
  open("strict");
  begin();
  restartNode();
  await machine.restart();
  expect(machine.state.sessions.get("s").tasks.get(1)).toMatchObject({ lostNodes: 1 });
});
