import type { Server } from "@grpc/grpc-js";
import { HealthService } from "../protocol/generated/grpc/health/v1/health.ts";
import { ServerReflectionService } from "../protocol/generated/grpc/reflection/v1/reflection.ts";
import { ServerReflectionService as ServerReflectionV1Alpha } from "../protocol/generated/grpc/reflection/v1alpha/reflection.ts";
import { Health } from "./health-service.ts";
import { Reflection } from "./reflection-service.ts";

/** What a listener serves beside its own services. */
export interface ListenerOutside {
  /** Says to health checks whether the listener's services can be used; at first they cannot. */
  serving(serves: boolean): void;
  /** Says whether one of the parts can be used, while the services serve. */
  part(name: string, serves: boolean): void;
  /** NOT_SERVING, and the end of every watch. To be called before the server is shut down. */
  close(): void;
}

/**
 * Adds gRPC health and server reflection to a server (docs/protocol.md, "Seen from outside").
 * @param services full names of the services that the server has, such as `flame.v1.Frontend`
 * @param parts what can be asked for beside them, such as `flame.storage`; NOT_SERVING of a part says nothing of the rest
 */
export function addHealthAndReflection(
  server: Server,
  services: readonly string[],
  parts: readonly string[] = [],
): ListenerOutside {
  const health = new Health([...services, ...parts]);
  const added = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ];
  const reflection = new Reflection([...services, ...added]);
  server.addService(HealthService, health.handlers());
  server.addService(ServerReflectionService, reflection.handlers());
  server.addService(ServerReflectionV1Alpha, reflection.handlers());
  return {
    serving: (serves) => health.serving(serves),
    part: (name, serves) => health.part(name, serves),
    close: () => {
      health.close();
      reflection.close();
    },
  };
}
