import { describe, expect, it } from "@jest/globals";
import type { Cluster } from "../../../src/cli/context.ts";
import { flmping } from "../../../src/cli/flmping/program.ts";
import { parseByteSize } from "../../../src/cli/flmping/sizes.ts";
import { Session } from "../../../src/client/index.ts";
import { Limiter } from "../../../src/client/limiter.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { fakeContext, session, task } from "./tools.ts";

/** A clock that moves on by a step each time it is read. */
function steppingClock(stepMs: number): Clock {
  let steady = 0;
  return {
    now: () => 0,
    steady: () => {
      steady += stepMs;
      return steady;
    },
    after: () => ({ cancel: () => undefined }),
  };
}

/** A clock on which every wait is over at once. */
function hastyClock(): Clock {
  let steady = 0;
  return {
    now: () => 0,
    steady: () => steady,
    after: (delayMs, action) => {
      steady += delayMs;
      setImmediate(action);
      return { cancel: () => undefined };
    },
  };
}

interface Service {
  readonly cluster: Partial<Cluster>;
  readonly inputs: string[];
  readonly specs: unknown[];
  closed: number;
}

/** A cluster whose tasks end as `end` says, by their number; by default they all succeed. */
function service(
  end: (n: number) => Partial<ReturnType<typeof task>> = () => ({}),
  create: (n: number) => void = () => undefined,
  settle: (what: "list" | "close") => void = () => undefined,
): Service {
  const inputs: string[] = [];
  const specs: unknown[] = [];
  const limits = { creates: new Limiter(4), watches: new Limiter(4) };
  let created = 0;
  const finished = (id: string): ReturnType<typeof task> =>
    task({
      id,
      output: Buffer.from(JSON.stringify({ message: `Completed ${id}` })),
      ...end(Number(id)),
    });
  const calls = {
    createTask: async (_: string, input?: Uint8Array) => {
      const n = ++created;
      create(n);
      inputs.push(Buffer.from(input ?? []).toString());
      return task({ id: String(n), state: "Pending" });
    },
    getTask: async (_: string, id: string) => finished(id),
    listTasks: async function* () {
      settle("list");
      for (let n = 1; n <= created; n++) yield finished(String(n));
    },
    watchTask: async function* (_: string, id: string) {
      yield finished(id);
    },
    getSession: async () => session(),
    cancelTasks: async () => {
      throw new Error("not called");
    },
    closeSession: async () => {
      settle("close");
      made.closed++;
      return session({ state: "Closed" });
    },
  };
  const made: Service = {
    inputs,
    specs,
    closed: 0,
    cluster: {
      createSession: async (spec) => {
        specs.push(spec);
        return new Session(calls, limits, session());
      },
    },
  };
  return made;
}

describe("flmping", () => {
  it("prints the published lines and rows, and closes its session", async () => {
    const pinged = service();
    const context = fakeContext(pinged.cluster, { clock: steppingClock(7) });
    expect(await flmping(["-t", "2"], context)).toBe(0);
    expect(context.out()).toBe(
      [
        "Session <flmping-Sf4R2o> was created in <7 ms>, start to run <2> tasks in the session:",
        "",
        " Session         Task  State    Output      ",
        " flmping-Sf4R2o  1     Succeed  Completed 1 ",
        " flmping-Sf4R2o  2     Succeed  Completed 2 ",
        "",
        "",
        "<2> tasks was completed in <7 ms>.",
        "",
        "",
      ].join("\n"),
    );
    expect(pinged.inputs).toEqual(Array(2).fill('{"duration":null,"memory":null}'));
    expect(pinged.specs).toEqual([{ application: "flmping", priority: 0 }]);
    expect(pinged.closed).toBe(1);
  });

  it("sends what its flags say", async () => {
    const pinged = service();
    const flags = ["-t", "1", "-c", "hi", "-d", "20", "-m", "1MiB", "-P", "5", "-r", "cpu=2"];
    expect(await flmping(flags, fakeContext(pinged.cluster))).toBe(0);
    expect(pinged.inputs).toEqual(['{"duration":20,"memory":1048576}']);
    expect(pinged.specs).toEqual([
      {
        application: "flmping",
        priority: 5,
        commonData: Buffer.from('{"value":"hi"}'),
        resreq: { cpu: 2, memory: 0, gpu: 0 },
      },
    ]);
  });

  it("runs ten tasks by default and shows why one failed, with exit code 0", async () => {
    const failed = { code: 3, message: "boom", time: new Date(0) };
    const pinged = service((n) => (n === 3 ? { state: "Failed", events: [failed] } : {}));
    const context = fakeContext(pinged.cluster);
    expect(await flmping([], context)).toBe(0);
    expect(pinged.inputs).toHaveLength(10);
    expect(context.out()).toMatch(/ 3 +Failed +code <3>: boom +\n/);
  });

  it("prints a benchmark instead of rows with -p", async () => {
    const pinged = service((n) => (n === 1 ? { state: "Failed" } : {}));
    const context = fakeContext(pinged.cluster, { clock: steppingClock(500) });
    expect(await flmping(["-p", "-t", "1001"], context)).toBe(0);
    const rule = "=".repeat(60);
    expect(context.out()).toContain("start to run <1,001> tasks");
    expect(context.out()).toContain(
      [
        rule,
        "BENCHMARK RESULTS",
        rule,
        "Duration:        0.50s",
        "Succeeded:       1000/1001",
        "Failed:          1",
        "Throughput:      2000.00 tasks/sec",
        rule,
        "",
      ].join("\n"),
    );
  });

  it("reports a task whose creation was not acknowledged as such, and settles what became of it", async () => {
    const pinged = service(undefined, (n) => {
      if (n === 2) throw new FlameError("unavailable", "the connection broke: reset");
    });
    const context = fakeContext(pinged.cluster);
    expect(await flmping(["-t", "3"], context)).toBe(0);
    expect(context.out()).toMatch(
      / - +Unacknowledged +a task of session flmping-Sf4R2o was not ack/,
    );
    expect(context.out().match(/^ flmping-Sf4R2o /gm)).toHaveLength(3);
    expect(context.err()).toBe(
      "Warning: 1 of 3 tasks were not acknowledged, as the connection broke before the reply: these exist and have ended: 2\n",
    );
    expect(pinged.closed).toBe(1);
  });

  it("waits for a session manager that went away before it settles and closes, and gives up after half a minute", async () => {
    const lost = new FlameError("unavailable", "connect ECONNREFUSED");
    const unacknowledged = (n: number): void => {
      if (n === 2) throw lost;
    };
    const away = { list: 2, close: 3 };
    const pinged = service(undefined, unacknowledged, (what) => {
      if (away[what]-- > 0) throw lost;
    });
    const context = fakeContext(pinged.cluster);
    expect(await flmping(["-t", "3"], { ...context, clock: hastyClock() })).toBe(0);
    expect(context.err()).toContain("these exist and have ended: 2");
    expect(pinged.closed).toBe(1);

    const gone = service(undefined, undefined, () => {
      throw lost;
    });
    const refused = fakeContext(gone.cluster);
    expect(await flmping(["-t", "1"], { ...refused, clock: hastyClock() })).not.toBe(0);
    expect(refused.err()).toContain("connect ECONNREFUSED");
  });

  it.each([
    [["-r", "cpu=x"], "cpu=x"],
    [["-m", "1XB"], "1XB"],
    [["-t", "many"], "whole number"],
    [["extra"], "too many arguments"],
  ])("answers %p with a usage error", async (argv, text) => {
    const context = fakeContext();
    expect(await flmping(argv, context)).toBe(2);
    expect(context.err()).toContain(text);
  });
});

describe("parseByteSize", () => {
  it.each([
    ["512", 512],
    ["1b", 1],
    ["1MiB", 1_048_576],
    ["1mib", 1_048_576],
    ["1Mi", 1_048_576],
    ["1MB", 1_000_000],
    ["1.5k", 1_500],
    ["2 GiB", 2_147_483_648],
  ])("reads %s as %i bytes", (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(["", "MB", "1iB", "-1", "1XB"])("refuses %p", (text) => {
    expect(() => parseByteSize(text)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});
