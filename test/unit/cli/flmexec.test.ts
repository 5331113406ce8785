import { describe, expect, it } from "@jest/globals";
import type { Cluster } from "../../../src/cli/context.ts";
import { flmexec } from "../../../src/cli/flmexec/program.ts";
import { Session } from "../../../src/client/index.ts";
import { Limiter } from "../../../src/client/limiter.ts";
import { fakeContext, session, task } from "./tools.ts";

interface Service {
  readonly cluster: Partial<Cluster>;
  readonly inputs: string[];
  closed: number;
}

/** A cluster whose tasks end as `end` says, by their number; by default they print `hi`. */
function service(end: (n: number) => Partial<ReturnType<typeof task>> = () => ({})): Service {
  const printed = Buffer.from(JSON.stringify({ data: [...Buffer.from("hi")] }));
  const finished = (id: string) => task({ id, output: printed, ...end(Number(id)) });
  const made: Service = {
    inputs: [],
    closed: 0,
    cluster: {
      createSession: async () =>
        new Session(
          {
            createTask: async (_, input) => {
              made.inputs.push(Buffer.from(input ?? []).toString());
              return task({ id: String(made.inputs.length), state: "Pending" });
            },
            getTask: async (_, id) => finished(id),
            listTasks: async function* () {},
            watchTask: async function* (_, id) {
              yield finished(id);
            },
            getSession: async () => session(),
            cancelTasks: async () => {
              throw new Error("not called");
            },
            closeSession: async () => {
              made.closed++;
              return session({ state: "Closed" });
            },
          },
          { creates: new Limiter(4), watches: new Limiter(4) },
          session({ id: "flmexec-Sf4R2o" }),
        ),
    },
  };
  return made;
}

describe("flmexec", () => {
  it("prints the bytes of each task in the published lines and closes its session", async () => {
    const made = service();
    const context = fakeContext(made.cluster);
    expect(await flmexec(["-t", "2", "-c", "echo hi"], context)).toBe(0);
    expect(context.out()).toBe(
      "Session <flmexec-Sf4R2o> was created in <0 ms>, start to run <2> tasks in the session:\n\n" +
        "Task 1         : [104, 105]\n" +
        "Task 2         : [104, 105]\n" +
        "\n\n<2> tasks was completed in <0 ms>.\n\n",
    );
    expect(made.inputs[0]).toBe('{"language":"shell","code":"echo hi","input":null}');
    expect(made.closed).toBe(1);
  });

  it("sends language, runtime and the bytes of standard input", async () => {
    const made = service();
    const flags = ["-l", "Python", "-r", "3.12", "-i", "104", "-i", "0", "-t", "1"];
    expect(await flmexec([...flags, "-c", "x"], fakeContext(made.cluster))).toBe(0);
    expect(made.inputs).toEqual([
      '{"language":"python","runtime":"3.12","code":"x","input":[104,0]}',
    ]);
  });

  it("stops at the first failed task with its reason and leaves the session open", async () => {
    const failed = { code: 3, message: "no such runtime", time: new Date(0) };
    const made = service((n) => (n === 2 ? { state: "Failed", events: [failed] } : {}));
    const context = fakeContext(made.cluster);
    expect(await flmexec(["-t", "3", "-c", "x"], context)).toBe(1);
    expect(context.out()).toContain("Task 1         : [104, 105]\n");
    expect(context.out()).not.toContain("Task 3");
    expect(context.err()).toMatch(
      /^Error: task 2 of session flmexec-Sf4R2o ended as Failed: no such runtime; /,
    );
    expect(made.closed).toBe(0);
  });

  it("says so when the output is of another service", async () => {
    const made = service(() => ({ output: Buffer.from("{}") }));
    const context = fakeContext(made.cluster);
    expect(await flmexec(["-t", "1", "-c", "x"], context)).toBe(1);
    expect(context.err()).toContain("the output of a task is not what flmexec's service answers");
  });

  it.each([
    [["-t", "1"], "required option '-c, --code <text>' not specified"],
    [["-c", "x", "-l", "perl"], 'got "perl", expected one of shell, python'],
    [["-c", "x", "-i", "256"], 'got "256", expected a whole number from 0 to 255'],
  ])("refuses %j as a usage error", async (argv, text) => {
    const context = fakeContext(service().cluster);
    expect(await flmexec(argv, context)).toBe(2);
    expect(context.err()).toContain(text);
  });
});
