import { describe, expect, it } from "@jest/globals";
import { bytes, json, text } from "../../../src/sdk/codec.ts";
import {
  checkClose,
  checkConnect,
  checkOpen,
  checkSession,
  checkTasks,
  checkWait,
} from "../../../src/sdk/given.ts";

const application = "a";

describe("what a program that no compiler has read hands in", () => {
  it("may be all that the types say", () => {
    expect(() => {
      checkConnect({});
      checkConnect({ endpoint: "http://h:1", callTimeoutMs: 1, onPutOff: () => undefined });
      checkSession({ application });
      checkSession({
        application,
        id: "s",
        keep: false,
        commonData: null,
        codecs: { input: bytes, output: text, commonData: json() },
        logs: true,
        minInstances: 1,
        maxInstances: undefined,
        priority: 1,
        resreq: { cpu: 1 },
        packages: ["numpy>=2"],
      });
      checkOpen("s", {});
      checkOpen("s", { codecs: { input: bytes }, logs: () => undefined });
      checkTasks("map", [], { concurrency: 1, signal: AbortSignal.timeout(1), cancelTasks: true });
      checkTasks("map", "text", {});
      checkTasks("map", (async function* () {})(), {});
      checkWait("invoke", { timeoutMs: 1, signal: undefined });
      checkClose({ force: true });
    }).not.toThrow();
  });

  it.each<[() => void, string]>([
    [() => checkConnect(null), "connect: got null, expected an object of options"],
    [() => checkConnect("http://h:1"), "connect: got a text, expected an object of options"],
    [() => checkConnect({ endpoint: 5 }), "connect: endpoint: got 5, expected a text"],
    [() => checkConnect({ endpoint: null }), "connect: endpoint: got null, expected a text"],
    [() => checkConnect({ onPutOff: {} }), "connect: onPutOff: got an object, expected a function"],
    [() => checkSession(undefined), "createSession: got undefined, expected an object of options"],
    [() => checkSession([]), "createSession: got an array, expected an object of options"],
    [() => checkSession({}), "createSession: application: got undefined, expected a text"],
    [
      () => checkSession({ application: "" }),
      "createSession: application: got an empty text, expected a text that is not empty",
    ],
    [
      () => checkSession({ application, packages: "numpy" }),
      'createSession: packages: got a text, expected an array of texts, such as ["numpy>=2"]',
    ],
    [
      () => checkSession({ application, packages: [1] }),
      'createSession: packages: got an array, expected an array of texts, such as ["numpy>=2"]',
    ],
    [
      () => checkSession({ application, resreq: "cpu=1" }),
      "createSession: resreq: got a text, expected an object",
    ],
    [
      () => checkSession({ application, keep: "no" }),
      "createSession: keep: got a text, expected true or false",
    ],
    [
      () => checkSession({ application, priority: "1" }),
      "createSession: priority: got a text, expected a number",
    ],
    [
      () => checkSession({ application, codecs: { input: () => "x" } }),
      "createSession: codecs: input: got a function, expected a codec: bytes, text, json(), or an object with the functions encode and decode",
    ],
    [
      () => checkSession({ application, codecs: { in: bytes } }),
      'createSession: codecs: got the unknown option "in", expected one of input, output, commonData',
    ],
    [() => checkOpen(undefined, {}), "openSession: id: got undefined, expected a text"],
    [
      () => checkOpen("s", { codecs: { output: json } }),
      "openSession: codecs: output: got a function, expected a codec: bytes, text, json(), or an object with the functions encode and decode",
    ],
    [
      () => checkOpen("s", { keep: true }),
      'openSession: got the unknown option "keep", expected one of codecs, logs',
    ],
    [
      () => checkTasks("map", 5, {}),
      "map: inputs: got 5, expected an Iterable or an AsyncIterable, such as an array",
    ],
    [
      () => checkTasks("results", undefined, {}),
      "results: inputs: got undefined, expected an Iterable or an AsyncIterable, such as an array",
    ],
    [
      () => checkWait("invoke", { timeout: 1 }),
      'invoke: got the unknown option "timeout", expected one of signal, cancelTasks, timeoutMs, concurrency',
    ],
    [
      () => checkWait("invoke", { toString: 1 }),
      'invoke: got the unknown option "toString", expected one of signal, cancelTasks, timeoutMs, concurrency',
    ],
    [
      () => checkWait("result", { signal: new AbortController() }),
      "result: signal: got an object, expected an AbortSignal, such as AbortSignal.timeout(1_000) or the signal of an AbortController",
    ],
    [() => checkClose({ force: 1 }), "close: force: got 1, expected true or false"],
  ])("is refused where it is something else: %#", (act, message) => {
    expect(act).toThrow(expect.objectContaining({ code: "invalid_argument", message }));
  });
});
