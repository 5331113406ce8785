import { Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FrontendClient } from "../../../src/client/frontend-client.ts";
import { FlameClient } from "../../../src/client/index.ts";
import { LogStream, type PrintedLines } from "../../../src/client/log-stream.ts";
import { parseEndpoint } from "../../../src/config/endpoint.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import type { FollowResponse } from "../../../src/protocol/generated/flame/logs/v1/logs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type FollowCall, ScriptedFrontend, wireSession } from "./frontend.ts";

const patient = { deadlineMs: 60_000 };
const nothing: FollowResponse = { lines: [], ends: [], notices: [], begun: [] };

let frontend: ScriptedFrontend;
let client: FlameClient;
/** Streams of logs that clients opened. */
let calls: FollowCall[];
let begun: string[];
let ended: string[];
/** Whether it says at once that a session is followed no more. */
let answersEnds: boolean;
let warnings: string[];

beforeEach(async () => {
  calls = [];
  begun = [];
  ended = [];
  answersEnds = true;
  warnings = [];
  frontend = await scripted(follow);
  client = new FlameClient({ endpoint: frontend.endpoint });
});

afterEach(() => {
  client.close();
  frontend.stop();
});

const scripted = (logs?: (call: FollowCall) => void): Promise<ScriptedFrontend> =>
  new ScriptedFrontend({
    unary: {
      createSession: () => wireSession(),
      openSession: () => wireSession(),
      closeSession: () => wireSession(),
    },
    ...(logs !== undefined && { logs }),
  }).start();

function follow(call: FollowCall): void {
  calls.push(call);
  call.sendMetadata(new Metadata());
  call.on("data", ({ begin, end }: { begin: string[]; end: string[] }) => {
    begun.push(...begin);
    ended.push(...end);
    say({ begun: begin });
    if (answersEnds) for (const sessionId of end) sayEnd(sessionId);
  });
  call.on("end", () => call.end());
  call.on("error", () => undefined);
}

const say = (part: Partial<FollowResponse>): void =>
  void calls.at(-1)?.write({ ...nothing, ...part });
const sayEnd = (sessionId: string, code: number = status.OK, message = ""): void =>
  say({ ends: [{ sessionId, code, message }] });
const print = (text: string): void =>
  say({
    lines: [
      {
        sessionId: "s",
        executorId: "e",
        stream: "out",
        taskId: "1",
        data: Buffer.from(`${text}\n`),
        leftOut: 0,
        node: "n",
      },
    ],
  });

const wish = (texts: string[], asksByName = true) => ({
  logs: {
    sink: ({ data }: PrintedLines) => void texts.push(data.toString().trimEnd()),
    ...(asksByName && { warn: (text: string) => void warnings.push(text) }),
  },
});
const spec = { application: "a" };

describe("a client that follows what sessions print", () => {
  it("gets it to the end of the session, and opens nothing where nobody asks", async () => {
    const quiet = await client.createSession(spec);
    expect(calls).toHaveLength(0);
    const texts: string[] = [];
    const session = await client.createSession(spec, undefined, wish(texts, false));
    // When the handle is there, nothing that is printed from now on is missed.
    expect(begun).toEqual(["s"]);
    print("one");
    await waitFor("the line", () => texts.length === 1, patient);
    answersEnds = false;
    let isClosed = false;
    const closing = session.close().then(() => {
      isClosed = true;
    });
    await waitFor("the end to be asked for", () => ended.length === 1, patient);
    print("the last");
    await waitFor("the last line", () => texts.length === 2, patient);
    expect(isClosed).toBe(false);
    sayEnd("s");
    await closing;
    await waitFor("the stream to be ended", () => calls.at(-1)?.readableEnded === true, patient);
    expect(texts).toEqual(["one", "the last"]);
    await quiet.close();
  });

  it("gives two handles of one session each line, and one place each line once", async () => {
    const one: string[] = [];
    const two: string[] = [];
    const first = wish(one);
    await client.createSession(spec, undefined, first);
    await client.openSession("s", undefined, first);
    const session = await client.openSession("s", undefined, wish(two));
    print("both");
    await session.close();
    expect([one, two, begun, ended]).toEqual([["both"], ["both"], ["s"], ["s"]]);
    // The same place, wherever its object comes from.
    const again = await client.openSession("s", undefined, { logs: { ...first.logs } });
    // Also where it was not asked for by name.
    await client.openSession("s", undefined, { logs: { sink: first.logs.sink } });
    print("once");
    say({ notices: [{ sessionId: "s", text: "something" }] });
    await again.close();
    expect(one).toEqual(["both", "once"]);
    expect(warnings).toEqual(["session s: something"]);
  });

  it("gives a handle that begins while another one ends its lines", async () => {
    answersEnds = false;
    const one: string[] = [];
    const two: string[] = [];
    const shared: string[] = [];
    const everywhere = wish(shared);
    const first = await client.createSession(spec, undefined, wish(one));
    await client.openSession("s", undefined, everywhere);
    const closing = first.close();
    await waitFor("the end to be asked for", () => ended.length === 1, patient);
    const again = await client.openSession("s", undefined, wish(two));
    await client.openSession("s", undefined, everywhere);
    print("before the end");
    sayEnd("s");
    await closing;
    print("behind the end");
    await waitFor("the line behind the end", () => two.length === 2, patient);
    expect([one, two, shared]).toEqual([
      ["before the end"],
      ["before the end", "behind the end"],
      ["before the end", "behind the end"],
    ]);
    answersEnds = true;
    await again.close();
    expect([begun, ended]).toEqual([
      ["s", "s"],
      ["s", "s"],
    ]);
  });

  it("comes back after a stream that broke, and after a restart", async () => {
    const texts: string[] = [];
    const session = await client.createSession(spec, undefined, wish(texts));
    calls.at(-1)?.emit("error", { code: status.UNAVAILABLE, details: "gone" });
    await waitFor("the stream again", () => begun.length === 2, patient);
    frontend.stop();
    await frontend.start();
    await waitFor("the stream after the restart", () => begun.length === 3, patient);
    print("again");
    await session.close();
    expect([texts, warnings]).toEqual([["again"], []]);
  });

  it("tells troubles once, to who asked by name", async () => {
    await client.createSession(spec, undefined, wish([]));
    const notices = [{ sessionId: "s", text: "node n tells nothing" }];
    say({ notices: [...notices, ...notices] });
    sayEnd("s", status.RESOURCE_EXHAUSTED, "too many");
    await waitFor("the warnings", () => warnings.length === 2, patient);
    await client.createSession(spec, undefined, wish([], false));
    say({ notices });
    await client.closeSession("s");
    expect(warnings).toEqual([
      "session s: node n tells nothing",
      "session s: what its tasks print is not told: too many",
    ]);
  });

  it("tells a refusal once, and follows as soon as it may", async () => {
    const texts: string[] = [];
    const session = await client.createSession(spec, undefined, wish(texts));
    for (const again of [2, 3]) {
      calls.at(-1)?.emit("error", { code: status.RESOURCE_EXHAUSTED, details: "too many watches" });
      await waitFor("the stream again", () => begun.length === again, patient);
    }
    print("at last");
    await session.close();
    expect([texts, warnings]).toEqual([
      ["at last"],
      ["session s: what its tasks print is not told: too many watches"],
    ]);
  });

  it("tells who asked by name when another session manager, which has no logs, takes its place", async () => {
    await client.createSession(spec, undefined, wish([]));
    calls.at(-1)?.emit("error", { code: status.UNIMPLEMENTED, details: "unknown service" });
    await waitFor("the warning", () => warnings.length === 1, patient);
    expect(warnings[0]).toContain("session s: what its tasks print is not told: ");
  });

  it("waits neither at a close nor for a begin without end", async () => {
    answersEnds = false;
    const texts: string[] = [];
    const session = await client.createSession(spec, undefined, wish(texts));
    const began = performance.now();
    await session.close();
    expect(performance.now() - began).toBeGreaterThan(2_500);
    print("too late");
    await client.openSession("s", undefined, wish([]));
    expect(texts).toEqual([]);
  });

  it("that is closed gets what was printed by then, and its stream ends", async () => {
    const texts: string[] = [];
    await client.createSession(spec, undefined, wish(texts));
    print("the last");
    client.close();
    await waitFor("the end of the stream", () => calls.at(-1)?.cancelled === true, patient);
    expect([texts, ended]).toEqual([["the last"], ["s"]]);
  });

  it("that is closed beside a stream that broke ends at once", async () => {
    await client.createSession(spec, undefined, wish([]));
    frontend.stop();
    client.close();
    const session = client.createSession(spec, undefined, wish([]));
    await expect(session).rejects.toMatchObject({
      code: "unavailable",
      message: "the client was closed",
    });
  });
});

describe("a stream of logs that is closed", () => {
  let closedAt: number | undefined;
  let stream: LogStream;
  class Watched extends FrontendClient {
    override close(): void {
      closedAt = performance.now();
      super.close();
    }
  }

  beforeEach(() => {
    closedAt = undefined;
    const endpoint = parseEndpoint(frontend.endpoint, ["http"], 8080);
    stream = new LogStream({
      connect: () => new Watched({ clock: systemClock }, endpoint, { callTimeoutMs: 60_000 }),
      clock: systemClock,
      url: endpoint.url,
    });
  });

  const untilClosed = async (): Promise<number> => {
    await waitFor("the connection to be closed", () => closedAt !== undefined, patient);
    return closedAt ?? Number.NaN;
  };
  const quiet = { sink: () => undefined };

  it("waits for what was printed, a second at most", async () => {
    answersEnds = false;
    await stream.follow("s", quiet);
    const began = performance.now();
    stream.close();
    stream.close();
    expect((await untilClosed()) - began).toBeGreaterThan(900);
    expect(ended).toEqual(["s"]);
    // Nothing begins any more.
    await stream.follow("t", quiet);
    await stream.require();
    expect(begun).toEqual(["s"]);
  });

  it("waits for nothing when the stream has broken", async () => {
    let brokeAt = Number.POSITIVE_INFINITY;
    const closes = (): void => {
      brokeAt = performance.now();
      stream.close();
    };
    await stream.follow("s", { ...quiet, warn: closes });
    calls.at(-1)?.emit("error", { code: status.PERMISSION_DENIED, details: "not you" });
    expect((await untilClosed()) - brokeAt).toBeLessThan(900);
    expect([begun, ended]).toEqual([["s"], []]);
  });

  it("waits no longer when the stream breaks meanwhile", async () => {
    answersEnds = false;
    await stream.follow("s", quiet);
    stream.close();
    await waitFor("the end to be asked for", () => ended.length === 1, patient);
    const brokeAt = performance.now();
    frontend.stop();
    expect((await untilClosed()) - brokeAt).toBeLessThan(900);
  });

  it("has no connection where nobody followed anything", () => {
    stream.close();
    expect([closedAt, calls]).toEqual([undefined, []]);
  });
});

describe("a session manager that does not tell what tasks print", () => {
  it("is done without, unless it was asked for by name: then nothing is created", async () => {
    frontend.stop();
    let created = 0;
    frontend = await new ScriptedFrontend({
      unary: {
        createSession: () => {
          created++;
          return wireSession();
        },
        closeSession: () => wireSession(),
      },
    }).start();
    client.close();
    client = new FlameClient({ endpoint: frontend.endpoint });
    const session = await client.createSession(spec, undefined, wish([], false));
    await session.close();
    const asked = client.createSession(spec, undefined, wish([]));
    await expect(asked).rejects.toMatchObject({
      code: "invalid_state",
      message: `logs: the session manager at ${frontend.endpoint} does not tell what tasks print, it is of another make or older; leave logs out, or say logs: false`,
    });
    expect(created).toBe(1);
  });
});
