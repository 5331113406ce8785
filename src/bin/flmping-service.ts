#!/usr/bin/env node
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { readEnv } from "../config/env.ts";
import { FlameError } from "../model/errors.ts";
import { pingService } from "../services/flmping/flmping-service.ts";
import { serveInstance, serviceEndpoints } from "../services/serve-instance.ts";

try {
  const service = pingService({ hostname: hostname(), wait });
  await serveInstance(service, serviceEndpoints(readEnv()));
} catch (thrown) {
  console.error(`flmping-service: ${FlameError.from(thrown).message}`);
  process.exitCode = 1;
}
