import { expect, it } from "@jest/globals";
import { connectFailureText } from "../../../src/client/connect-failure.ts";
import { parseEndpoint } from "../../../src/config/endpoint.ts";

it.each([
  ["tlsv13 alert certificate required", "asks for another client certificate"],
  ["sslv3 alert bad certificate", "asks for another client certificate"],
  ["tlsv1 alert unknown ca", "asks for another client certificate"],
  ["self-signed certificate in certificate chain", "of no authority that is trusted here"],
])("%s: %s", (reason, meaning) => {
  const text = connectFailureText(parseEndpoint("https://host:8080", ["https"], 8080), reason);
  expect(text).toContain(meaning);
  expect(text).toContain(reason);
});
