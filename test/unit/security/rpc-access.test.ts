import { describe, expect, it } from "@jest/globals";
import { accessOf, callAccess } from "../../../src/security/rpc-access.ts";
import { allServices, methodsOf } from "../../support/wire-extremes.ts";

/** Served by services on a socket of their node, never by a listener. */
const ofServices = "flame.v1.Instance";

const declared = allServices()
  .filter((service) => service !== ofServices)
  .flatMap((service) => methodsOf(service).map(({ name }) => `/${service}/${name}`));

describe("the table of calls", () => {
  it("has every call of every service that a listener can serve", () => {
    expect(declared.length).toBeGreaterThan(50);
    expect(declared.filter((path) => accessOf(path) === undefined)).toEqual([]);
  });

  it("has no call that no .proto file declares", () => {
    const known = new Set(declared);
    expect([...callAccess.keys()].filter((path) => !known.has(path))).toEqual([]);
  });

  it.each(["/flame.v1.Frontend/CreateSessions", "/flame.v1.Instance/OnTaskInvoke", "/", ""])(
    "does not have %j",
    (path) => {
      expect(accessOf(path)).toBeUndefined();
    },
  );
});
