import { readEnv } from "../config/env.ts";
import { serveInstance, serviceEndpoints } from "../services/serve-instance.ts";
import { HostedService } from "./hosted-service.ts";
import type { ServeOptions, Service } from "./service-types.ts";

const endSignals = ["SIGTERM", "SIGINT"] as const;

/**
 * Serves one session, as the program of an application: an executor manager starts the program, and ends it after the session.
 * On SIGTERM and SIGINT, and when its executor manager goes, the task that runs has its signal aborted, is waited for, and the
 * session is left. Resolves then, so that what stands behind it may close what the program has open.
 * @throws FlameError `invalid_config` when no executor manager started the program, `invalid_argument` for a service that cannot
 *   be, `unavailable` when its socket cannot be made, and what onSessionLeave throws while it ends.
 */
export async function serve<In = unknown, Out = unknown, Common = unknown, State = undefined>(
  service: Service<In, Out, Common, State>,
  { signal }: ServeOptions = {},
): Promise<void> {
  const hosted = new HostedService(service);
  let tell = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    tell = resolve;
  });
  for (const name of endSignals) process.on(name, tell);
  signal?.addEventListener("abort", tell);
  try {
    const handle = await serveInstance(hosted, serviceEndpoints(readEnv()));
    if (signal?.aborted !== true) await Promise.race([told, handle.over]);
    try {
      await hosted.stop();
    } finally {
      await handle.close();
    }
  } finally {
    signal?.removeEventListener("abort", tell);
    for (const name of endSignals) process.off(name, tell);
  }
}
