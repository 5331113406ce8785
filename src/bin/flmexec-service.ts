#!/usr/bin/env node
import { tmpdir } from "node:os";
import { readEnv } from "../config/env.ts";
import { flameHome } from "../config/flame-home.ts";
import { FlameError } from "../model/errors.ts";
import { execService } from "../services/flmexec/flmexec-service.ts";
import { serveInstance, serviceEndpoints } from "../services/serve-instance.ts";

const env = readEnv();
try {
  const log = (line: string): void => console.error(line);
  const service = execService({ home: flameHome(env).root, env, temporary: tmpdir(), log });
  await serveInstance(service, serviceEndpoints(env));
} catch (thrown) {
  console.error(`flmexec-service: ${FlameError.from(thrown).message}`);
  process.exitCode = 1;
}
