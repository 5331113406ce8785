import { describe, expect, it } from "@jest/globals";
import {
  keyBytesMax,
  parseDeleteTarget,
  parseObjectKey,
  parsePutTarget,
  parseTicket,
} from "../../../src/object-cache/object-key.ts";
import { readPutTarget } from "../../../src/object-cache/put-target.ts";

const newId = () => "made-up";

describe("keys", () => {
  it("have three parts", () => {
    expect(parseObjectKey("app/pkg/app.tar.gz")).toEqual({
      text: "app/pkg/app.tar.gz",
      prefix: "app/pkg",
    });
  });

  it.each([
    ["a/b", "three parts"],
    ["a/b/c/d", "three parts"],
    ["a//c", "part 2 is empty"],
    ["a/b/", "part 3 is empty"],
    ["a/../c", 'part 2 contains ".."'],
    ["a/b/x..y", 'part 3 contains ".."'],
    ["a/b\\c/d", 'part 2 contains "\\"'],
    ["a/*/c", 'part 2 is "*"'],
    ["a/b/*", 'part 3 is "*"'],
    [`a/b/${"x".repeat(keyBytesMax)}`, "longer than 4096 bytes"],
  ])("are refused when they are %s", (text, why) => {
    expect(() => parseObjectKey(text)).toThrow(why);
  });

  it("get an object id from the server when a put names two parts", () => {
    expect(parsePutTarget("a/b", newId)).toMatchObject({
      generated: true,
      key: { text: "a/b/made-up" },
    });
    expect(parsePutTarget("a/b/c", newId)).toMatchObject({
      generated: false,
      key: { text: "a/b/c" },
    });
    expect(() => parsePutTarget("a", newId)).toThrow('"<app>/<session>"');
    expect(() => parsePutTarget("a/*", newId)).toThrow('bad key "a/*"');
  });

  it("name one object, a session, or all sessions of an application in a delete", () => {
    expect(parseDeleteTarget("a/b/c")).toMatchObject({ kind: "object", key: { text: "a/b/c" } });
    expect(parseDeleteTarget("a/b")).toEqual({ kind: "session", prefix: "a/b" });
    expect(parseDeleteTarget("a/*")).toEqual({ kind: "application", app: "a" });
    for (const bad of ["", "a", "*/b", "a/*/c", "a/b/c/d"]) {
      expect(() => parseDeleteTarget(bad)).toThrow("bad key");
    }
  });
});

describe("tickets", () => {
  it("are a key, or a key and the version that the client has", () => {
    expect(parseTicket("a/b/c")).toMatchObject({ key: { text: "a/b/c" }, version: 0 });
    expect(parseTicket("a/b/c:12")).toMatchObject({ key: { text: "a/b/c" }, version: 12 });
  });

  it("find the version behind the last colon, so that keys may hold colons", () => {
    expect(parseTicket("a/b/x:y:3")).toMatchObject({ key: { text: "a/b/x:y" }, version: 3 });
  });

  it("are refused when the version is no number", () => {
    for (const bad of ["a/b/c:", "a/b/c:x", "a/b/c:-1", "a/b/c:1.5"]) {
      expect(() => parseTicket(bad)).toThrow("expected the version as a decimal number");
    }
  });
});

describe("the descriptor of a put", () => {
  it("is a path, or the command to patch", () => {
    const none = Buffer.alloc(0);
    expect(readPutTarget({ path: ["a/b", "ignored"], cmd: none }, newId).operation).toBe("put");
    expect(readPutTarget({ path: [], cmd: Buffer.from("PATCH:a/b/c") }, newId)).toMatchObject({
      operation: "patch",
      key: { text: "a/b/c" },
    });
  });

  it("is refused when it is neither", () => {
    const refused = (cmd: Buffer) => () => readPutTarget({ path: [], cmd }, newId);
    expect(refused(Buffer.alloc(0))).toThrow("got neither");
    expect(refused(Buffer.from("PUT:a/b/c"))).toThrow('got the command "PUT:a/b/c"');
    expect(refused(Buffer.from("PATCH:a/b"))).toThrow("three parts");
    expect(refused(Buffer.from("ff", "hex"))).toThrow("not UTF-8");
  });
});
