import { describe, expect, test } from "@jest/globals";
import { cleanEnvironment } from "../../../src/process/clean-environment.ts";

describe("the environment of child programs", () => {
  test("keeps what finds programs, locales, proxies, certificates, indexes and GPUs", () => {
    const kept = {
      PATH: "/bin",
      LC_ALL: "C",
      https_proxy: "http://p",
      HTTPS_PROXY: "http://q",
      SSL_CERT_FILE: "/c",
      PIP_INDEX_URL: "http://i",
      UV_INDEX: "http://u",
      CUDA_VISIBLE_DEVICES: "0",
      NVIDIA_X: "1",
      FLAME_HOME: "/home",
    };
    expect(cleanEnvironment(kept)).toEqual(kept);
  });

  test("leaves secrets and whatever else the manager has behind", () => {
    const env = {
      AWS_SECRET_ACCESS_KEY: "s",
      NODE_OPTIONS: "--x",
      PYTHONPATH: "/p",
      GONE: undefined,
    };
    expect(cleanEnvironment(env)).toEqual({});
  });
});
