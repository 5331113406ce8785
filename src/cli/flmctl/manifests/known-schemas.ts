import application from "../../../../schemas/application.schema.json" with { type: "json" };
import client from "../../../../schemas/client.schema.json" with { type: "json" };
import cluster from "../../../../schemas/cluster.schema.json" with { type: "json" };

/** What of JSON Schema the schemas of this product use to describe a value. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly propertyNames?: SchemaNode;
  readonly items?: SchemaNode;
  readonly pattern?: string;
  readonly anyOf?: readonly SchemaNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  /** What a value must be, where pattern and limits say it badly. */
  readonly "x-expected"?: string;
}

/** The schemas of what users write: manifests, flame-cluster.yaml, the clients' flame.yaml. */
export const knownSchemas: Readonly<Record<SchemaName, SchemaNode>> = {
  application,
  cluster,
  client,
};

export type SchemaName = "application" | "cluster" | "client";

export const schemaNames = ["application", "cluster", "client"] as const;
