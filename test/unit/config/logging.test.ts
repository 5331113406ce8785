import { describe, expect, it } from "@jest/globals";
import { createLogger } from "../../../src/config/logging.ts";
import { tellsDebug } from "../../../src/kit/logger.ts";

describe("a daemon's logger", () => {
  it.each([
    ["nothing", {}, false],
    ["info", { FLAME_LOG: "info" }, false],
    ["debug", { FLAME_LOG: "debug" }, true],
    ["debug, in the words of the published daemons", { RUST_LOG: "hyper=warn,debug" }, true],
  ])("tells whether debug lines are worth making, as do its children: %s", (_what, env, tells) => {
    const logger = createLogger("flame-session-manager", env);
    expect(tellsDebug(logger)).toBe(tells);
    expect(tellsDebug(logger.child({ node: "n" }).child({ executor: "e" }))).toBe(tells);
  });
});
