import { describe, expect, it } from "@jest/globals";
import { parseEndpoint } from "../../../src/client/index.ts";

describe("parseEndpoint", () => {
  it.each([
    ["http://127.0.0.1:8080", "127.0.0.1:8080", false],
    ["https://flame.example", "flame.example:8080", true],
    ["http://h:80", "h:80", false],
    ["https://h:443/", "h:443", true],
    ["http://[::1]:9000", "[::1]:9000", false],
    ["localhost:1234", "localhost:1234", false],
  ])("reads %s as %s", (url, target, secure) => {
    expect(parseEndpoint(url)).toEqual({ url, target, secure });
  });

  it.each(["", "ftp://h:1", "http://", "http://h:0", "http://h:65536", "http://h:1/path"])(
    "refuses %p saying what it expects",
    (url) => {
      expect(() => parseEndpoint(url)).toThrow(
        expect.objectContaining({
          code: "invalid_config",
          message: expect.stringContaining("expected http://HOST:PORT"),
        }),
      );
    },
  );
});
