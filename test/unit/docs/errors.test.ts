import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { status } from "@grpc/grpc-js";
import { expect, test } from "@jest/globals";
import { errorTable } from "../../../src/model/errors.ts";

const text = readFileSync(resolve(import.meta.dirname, "../../../docs/protocol.md"), "utf8");

test("the table of errors in docs/protocol.md has the rows of src/model/errors.ts, in their order", () => {
  const [, section = ""] = text.split("\n## 3. Errors\n");
  const rows = section.split("\n## ")[0]!.match(/^\| [a-z_]+ \| \d+ .*$/gm);
  expect(rows).toEqual(
    Object.entries(errorTable).map(
      ([code, { grpcStatus, exitCode }]) =>
        `| ${code} | ${grpcStatus} ${status[grpcStatus]} | ${exitCode} |`,
    ),
  );
});
