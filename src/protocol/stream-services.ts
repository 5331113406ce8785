import { encoded } from "./encoded.ts";
import {
  ClientsService,
  TasksRequest,
  TasksResponse,
} from "./generated/flame/stream/v1/clients.ts";
import { NodesService, WorkRequest, WorkResponse } from "./generated/flame/stream/v1/nodes.ts";

/** `flame.stream.v1.Clients` with messages that are {@link encoded}. */
export const clientsDefinition = {
  ...ClientsService,
  tasks: {
    ...ClientsService.tasks,
    requestSerialize: (message: TasksRequest): Buffer => encoded(TasksRequest, message),
    responseSerialize: (message: TasksResponse): Buffer => encoded(TasksResponse, message),
  },
};

/** `flame.stream.v1.Nodes`, alike. */
export const nodesDefinition = {
  ...NodesService,
  work: {
    ...NodesService.work,
    requestSerialize: (message: WorkRequest): Buffer => encoded(WorkRequest, message),
    responseSerialize: (message: WorkResponse): Buffer => encoded(WorkResponse, message),
  },
};
