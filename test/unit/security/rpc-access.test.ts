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

  it("has whatever changes something that stays, or gives away everything, written down", () => {
    const notable =
      /\/(Register|Unregister|Update|Create|Delete|Open|Close|Apply|Rollback|Remove|Cancel|Release|Backup|ReadLogs|Follow|Tasks$|Work$|List(?!Actions))/;
    const unwritten = declared.filter((path) => {
      const audit = accessOf(path)?.audit;
      return notable.test(path) && audit !== "each" && audit !== "stream" && audit !== "counted";
    });
    expect(unwritten).toEqual(["/grpc.health.v1.Health/List"]);
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
